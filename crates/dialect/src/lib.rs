#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! | module | subject |
//! |---|---|
//! | [`connection_string`] | `HostName=…;DeviceId=…;SharedAccessKey=…` |
//! | [`identity`] | the identity of a session: client id, user name, SAS resource; rules for host names and ids |
//! | [`sas`] | symmetric keys and shared access signatures: sign, parse, verify |
//! | [`topic`] | every topic that a device or hub publishes or subscribes to, in both directions |
//! | [`property_bag`] | the `k=v&k2=v2` tail of message topics |
//! | [`message`] | a message's system and application properties, their rules, the service's size count |
//! | [`method`] | the rules of direct methods |
//! | [`provisioning`] | the Device Provisioning Service: topics, registrations and their answers |
//! | [`query`] | queries of twins and jobs: parse, print, evaluate |
//! | [`twin`] | merge patches, limits, and the hub's twin document with versions and metadata |
//! | [`digital_twin`] | the IoT Plug and Play view of a twin, and patches of it |
//! | [`upload`], [`storage`] | file upload: the bodies of the hub and of Blob Storage |
//! | [`service_error`] | error bodies, both spellings, and the error codes |
//! | [`encoding`] | percent-encoding; excerpts of external text for error messages |
//! | [`pasted`] | pasted text: quotes, assignments |
//! | [`x509`] | thumbprints of certificates |
//! | [`time`] | ISO 8601 UTC to and from Unix seconds |

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod connection_string;
pub mod digital_twin;
pub mod encoding;
pub mod identity;
pub mod message;
pub mod method;
pub mod pasted;
pub mod property_bag;
pub mod provisioning;
pub mod query;
pub mod sas;
pub mod service_error;
pub mod storage;
pub mod time;
pub mod topic;
pub mod twin;
pub mod upload;
pub mod x509;

pub use connection_string::{Auth, ConnectionString, ConnectionStringError};
pub use identity::{API_VERSION, Identity, Username, UsernameOptions, WEBSOCKET_PATH};
pub use message::{MAX_MESSAGE_SIZE, MessageError, MessageProperties};
pub use method::{MAX_METHOD_BODY, MethodNameError, check_method_name};
pub use property_bag::PropertyBag;
pub use sas::{SasRejection, SasScope, SasToken, SymmetricKey};
pub use service_error::ServiceError;
pub use topic::{DeviceTopic, HubTopic, Subscription, TopicError};
pub use twin::{Twin, TwinError};
