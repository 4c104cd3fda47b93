//! The bodies of azmqtt's fuzz targets: a function for each parser of what comes from outside.
//!
//! A target takes any bytes and never panics, unless something does not hold that must: what is accepted is the same when
//! it is written and read again, and memory stays within a multiple of the input. It returns whether the bytes were
//! accepted, so that the name of a corpus file can say what should become of it.
//!
//! * `cargo test --manifest-path fuzz/Cargo.toml` runs each target over its corpus, with the compiler of the project.
//! * `cargo fuzz run --features libfuzzer --sanitizer none topics` has libFuzzer look for inputs that break it.

pub mod bodies;
pub mod credentials;
pub mod files;
pub mod hub;
pub mod identities;
pub mod messages;
pub mod mqtt;
pub mod mqtt5;
pub mod mqtt5_sessions;
pub mod namespace;
pub mod namespace_documents;
pub mod namespace_journals;
pub mod namespace_tokens;
pub mod net;
pub mod provisioning;
pub mod queries;
pub mod twins;
pub mod watching;

use std::borrow::Cow;

/// Takes any bytes; returns whether they were accepted.
pub type Target = fn(&[u8]) -> bool;

/// All targets, by the names that their programs and their folders in `corpora/` have.
pub const TARGETS: [(&str, Target); 61] = [
    ("answer_heads", net::answer_heads),
    ("block_lists", bodies::block_lists),
    ("certificates", files::certificates),
    ("conditions", queries::conditions),
    ("connection_strings", credentials::connection_strings),
    ("digital_twin_patches", twins::digital_twin_patches),
    ("etag_conditions", hub::etag_conditions),
    ("fault_rules", hub::fault_rules),
    ("fault_schedules", hub::fault_schedules),
    ("header_tokens", net::header_tokens),
    ("keys", credentials::keys),
    ("message_headers", hub::message_headers),
    ("mqtt5_auth", mqtt5::auth),
    ("mqtt5_client_session", mqtt5_sessions::client_session),
    ("mqtt5_connack", mqtt5::connack),
    ("mqtt5_connect", mqtt5::connect),
    ("mqtt5_disconnect", mqtt5::disconnect),
    ("mqtt5_from_client", mqtt5::from_client),
    ("mqtt5_from_server", mqtt5::from_server),
    ("mqtt5_puback", mqtt5::puback),
    ("mqtt5_pubcomp", mqtt5::pubcomp),
    ("mqtt5_publish", mqtt5::publish),
    ("mqtt5_pubrec", mqtt5::pubrec),
    ("mqtt5_pubrel", mqtt5::pubrel),
    ("mqtt5_server_session", mqtt5_sessions::server_session),
    ("mqtt5_suback", mqtt5::suback),
    ("mqtt5_subscribe", mqtt5::subscribe),
    ("mqtt5_unsuback", mqtt5::unsuback),
    ("mqtt5_unsubscribe", mqtt5::unsubscribe),
    ("mqtt_client_session", mqtt::client_session),
    ("mqtt_from_client", mqtt::from_client),
    ("mqtt_from_server", mqtt::from_server),
    ("mqtt_server_session", mqtt::server_session),
    ("names", identities::names),
    ("namespace_documents", namespace_documents::documents),
    ("namespace_fault_rules", namespace::fault_rules),
    ("namespace_filters", namespace::filters),
    ("namespace_journals", namespace_journals::journals),
    ("namespace_list_filters", namespace_documents::list_filters),
    ("namespace_queries", namespace::queries),
    ("namespace_session", namespace::session),
    ("namespace_templates", namespace::templates),
    ("namespace_tokens", namespace_tokens::tokens),
    ("namespace_webhooks", namespace_tokens::webhooks),
    ("pem", files::pem),
    ("property_bags", messages::property_bags),
    ("provisioning_answers", provisioning::answers),
    ("provisioning_topics", provisioning::topics),
    ("proxies", net::proxies),
    ("queries", queries::queries),
    ("registrations", provisioning::registrations),
    ("request_addresses", hub::request_addresses),
    ("sas_tokens", credentials::sas_tokens),
    ("service_errors", bodies::service_errors),
    ("socks5_answers", net::socks5_answers),
    ("times", messages::times),
    ("topics", messages::topics),
    ("twins", twins::twins),
    ("uploads", bodies::uploads),
    ("user_names", identities::user_names),
    ("watch_queries", watching::queries),
];

/// The bytes as text. What is not UTF-8 is replaced, so that fuzzers are not stopped by it at once.
fn text(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(data)
}
