//! The hub's HTTPS listener: everything of IoT Hub that is HTTP, on the same certificate as MQTT.
//!
//! | module | subject |
//! |---|---|
//! | `paths` | one spelling of each path, whatever case it comes in; whom it is about |
//! | `route`, `access`, `rate` | the one way to add a route: with who may use it, and what it counts against |
//! | `router` | the table of routes |
//! | `websocket` | MQTT over WebSockets: the upgrade, then the same way as on the MQTT port |
//! | `files`, `blobs` | file upload: the hub's half, and Blob Storage's |
//! | `methods` | calls of direct methods, by services, and by modules as an IoT Edge gateway takes them |
//! | `device`, `message_headers` | sending and receiving as a device; a message's properties as headers |
//! | `admission`, `caller`, `owner` | which device asks; which service; which holder of the provisioning service's policy |
//! | `request`, `answer` | what requests have in common; refusals as the service writes them |
//! | `service` | the REST API for back-end applications |
//! | `enrollments` | the provisioning service's REST API |
//! | `faults` | faults on demand, for tests in any language |
//! | `page` | the page in the browser: its files, and how it gets its token |
//! | `watch`, `metrics` | what happens in the hub, as it happens, and in numbers |
//! | `limits` | what comes before every request: faults, and what the hub's tier allows |

use axum::Router;

use crate::config::Limits;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::handshake::ServerStream;
use azmqtt_local::http::IdleTimeouts;
use azmqtt_local::unauthenticated::Unauthenticated;

mod access;
mod admission;
mod answer;
mod blobs;
mod caller;
mod device;
mod enrollments;
mod faults;
mod files;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod limits;
mod message_headers;
mod methods;
mod metrics;
mod owner;
mod page;
mod paths;
mod rate;
mod request;
mod route;
mod router;
mod service;
mod watch;
mod websocket;

pub use router::{provisioning_router, router};

/// The routes of the hub, and those of the provisioning service: each with its method, and what a request with nine bytes
/// counts for.
#[cfg(test)]
pub fn listed_routes(shared: &std::sync::Arc<crate::shared::Shared>) -> [Vec<ListedRoute>; 2] {
    use axum::routing::MethodFilter;

    let names = [
        ("GET", MethodFilter::GET),
        ("PUT", MethodFilter::PUT),
        ("POST", MethodFilter::POST),
        ("PATCH", MethodFilter::PATCH),
        ("DELETE", MethodFilter::DELETE),
    ];
    let name = |method| names.iter().find(|(_, other)| *other == method).unwrap().0;
    [router::routes(shared), router::provisioning_routes(shared)].map(|routes| {
        let listed = routes.listed.into_iter();
        listed.map(|(method, path, rate)| (name(method), path, rate.operation(9))).collect()
    })
}

#[cfg(test)]
pub type ListedRoute = (&'static str, String, Option<crate::throttle::Operation>);

/// Answers the requests of one client; `place` is given back at the end.
pub async fn serve(
    stream: ServerStream,
    chain: ClientChain,
    router: Router,
    limits: Limits,
    place: Unauthenticated,
) {
    let timeouts = IdleTimeouts { read: limits.http_idle_timeout, write: limits.write_timeout };
    azmqtt_local::http::serve(stream, chain, router, timeouts, place, paths::canonical).await;
}
