//! Everything that can go wrong in a call to the hub.

pub(crate) mod refused;
pub(crate) mod tracking;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::id::MAX_MODULES;
use azmqtt_dialect::identity::IdentityError;
use azmqtt_dialect::query::QueryError;
use azmqtt_dialect::sas::KeyError;
use azmqtt_dialect::{MethodNameError, ServiceError, TwinError};
use azmqtt_local::certificate_authority::CertificateError;
use azmqtt_local::faults::FaultError;
use azmqtt_local::files::FileError;
use azmqtt_local::listener::ListenError;
use azmqtt_local::state_dir::StateError;

/// Why a call to the hub failed. Never shows a key.
#[derive(Debug)]
pub enum HubError {
    /// A listener cannot be opened; "address in use" is the common reason.
    Listen(ListenError),
    /// The system gave no thread, runtime or random numbers.
    System(io::Error),
    /// A file or directory cannot be read or written.
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the state directory is invalid.
    Corrupt {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The state directory belongs to a hub that is running.
    StateInUse(PathBuf),
    /// A certificate cannot be made.
    Certificate(String),
    /// An authority for client certificates cannot be used.
    ClientAuthority(String),
    /// A host name or device id breaks a rule.
    Identity(IdentityError),
    /// A symmetric key cannot be used.
    Key(KeyError),
    /// There is a device of that id already.
    DeviceExists(String),
    /// There is no device of that id.
    DeviceNotFound(String),
    /// There is a module of that id already; in the form `device/module`.
    ModuleExists(String),
    /// There is no module of that id; in the form `device/module`.
    ModuleNotFound(String),
    /// The device has as many modules as a device may have (error 413003).
    TooManyModules(String),
    /// The etag of the condition is not the identity's; both without quotes.
    EtagMismatch {
        /// The identity's.
        existing: String,
        /// The condition's.
        wanted: String,
    },
    /// The etag of the condition is not the twin's; names the device.
    TwinEtagMismatch(String),
    /// To remove an identity takes a condition on its etag, `*` at least.
    EtagMissing,
    /// A property of an identity breaks a rule; says which.
    Argument(String),
    /// A module's input cannot have that name; says why.
    InputName(&'static str),
    /// There is an enrolment, or a group, of that name already.
    EnrollmentExists(String),
    /// There is no enrolment, or no group, of that name.
    EnrollmentNotFound(String),
    /// No device of that registration id was assigned.
    RegistrationNotFound(String),
    /// There is no shared access policy of that name.
    PolicyNotFound(String),
    /// A query is not of the language; says where.
    Query(QueryError),
    /// A continuation token is not one of this query.
    Continuation,
    /// A twin patch breaks a rule.
    Twin(TwinError),
    /// The device or module has as many messages waiting as a hub keeps (error 403004).
    QueueFull {
        /// The device, or the module as `device/module`.
        device_id: String,
        /// How many that is.
        limit: usize,
    },
    /// A message to a device or module is larger than a hub takes.
    MessageTooLarge {
        /// In bytes, by the service's count.
        size: usize,
        /// In bytes.
        limit: usize,
    },
    /// The properties of a message make a topic that MQTT has no room for (65,535 bytes).
    TopicTooLong {
        /// In bytes.
        length: usize,
    },
    /// A method's name breaks a rule.
    MethodName(MethodNameError),
    /// A method's payload breaks a rule; says which.
    MethodPayload(String),
    /// What was asked for breaks a rule; with the service's error code.
    Service(Box<ServiceError>),
    /// A method could not be called, or was not answered.
    Method(Box<ServiceError>),
    /// Not enough telemetry came in time.
    Timeout {
        /// How many messages were waited for.
        wanted: u64,
        /// How many came.
        got: u64,
    },
    /// A rule or schedule of faults cannot be set.
    Fault(FaultError),
    /// The hub is stopped.
    Stopped,
}

impl HubError {
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }

    pub(crate) fn corrupt(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Corrupt { path: path.to_owned(), reason: reason.to_string() }
    }
}

impl From<CertificateError> for HubError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error.0)
    }
}

impl From<ListenError> for HubError {
    fn from(error: ListenError) -> Self {
        Self::Listen(error)
    }
}

impl From<FileError> for HubError {
    fn from(FileError { path, source }: FileError) -> Self {
        Self::File { path, source }
    }
}

impl From<StateError> for HubError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::File(error) => error.into(),
            StateError::Corrupt { path, reason } => Self::Corrupt { path, reason },
            StateError::InUse(path) => Self::StateInUse(path),
        }
    }
}

impl From<FaultError> for HubError {
    fn from(error: FaultError) -> Self {
        Self::Fault(error)
    }
}

impl fmt::Display for HubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(error) => error.fmt(f),
            Self::System(source) => write!(f, "the hub cannot run: {source}"),
            Self::File { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Corrupt { path, reason } => write!(f, "{} is damaged: {reason}", path.display()),
            Self::StateInUse(path) => {
                write!(f, "the state directory {} is in use by another hub", path.display())
            }
            Self::Certificate(reason) => write!(f, "the hub cannot make its certificate: {reason}"),
            Self::ClientAuthority(reason) => {
                write!(f, "the authority's certificate cannot be used: {reason}")
            }
            Self::Identity(error) => error.fmt(f),
            Self::Key(error) => error.fmt(f),
            Self::DeviceExists(id) => write!(f, "the device {id} already exists"),
            Self::PolicyNotFound(name) => write!(
                f,
                "unknown policy {name}: expected iothubowner, service, device, registryRead or registryReadWrite"
            ),
            Self::DeviceNotFound(id) => write!(f, "the device {id} does not exist"),
            Self::ModuleExists(id) => write!(f, "the module {id} already exists"),
            Self::ModuleNotFound(id) => write!(f, "the module {id} does not exist"),
            Self::TooManyModules(id) => {
                write!(f, "the device {id} already has {MAX_MODULES} modules, the limit of a hub")
            }
            Self::EtagMismatch { existing, wanted } => {
                let (existing, wanted) = (version_of(existing), version_of(wanted));
                write!(
                    f,
                    "Precondition failed: Device version did not match, existingVersion:{existing} newVersion:{wanted}"
                )
            }
            Self::TwinEtagMismatch(id) => write!(f, "ETag mismatch for device ID '{id}'"),
            Self::EtagMissing => f.write_str("Etag missing"),
            Self::Argument(reason) => f.write_str(reason),
            Self::InputName(rule) => write!(f, "the name of an input {rule}"),
            Self::EnrollmentExists(name) => write!(f, "the enrolment {name} already exists"),
            Self::EnrollmentNotFound(name) => write!(f, "the enrolment {name} does not exist"),
            Self::RegistrationNotFound(id) => write!(f, "the registration {id} does not exist"),
            Self::Query(error) => error.fmt(f),
            Self::Continuation => f.write_str("the continuation token is not one of this query"),
            Self::Twin(error) => error.fmt(f),
            Self::QueueFull { device_id, limit } => {
                write!(f, "{limit} messages already wait for {device_id}, the limit of a hub")
            }
            Self::MessageTooLarge { size, limit } => {
                write!(f, "a message of {size} bytes, the limit is {limit}")
            }
            Self::TopicTooLong { length } => {
                write!(f, "the message's properties make an MQTT topic of {length} bytes; the limit is 65535")
            }
            Self::MethodName(error) => error.fmt(f),
            Self::MethodPayload(reason) => write!(f, "the method's payload {reason}"),
            Self::Service(error) => error.fmt(f),
            Self::Method(error) => write!(f, "the method was not called or not answered: {error}"),
            Self::Timeout { wanted, got } => {
                write!(f, "{got} of {wanted} messages arrived in time")
            }
            Self::Fault(error) => error.fmt(f),
            Self::Stopped => f.write_str("the hub is stopped"),
        }
    }
}

/// The number in an identity's etag; the etag itself if it is none of an identity.
fn version_of(etag: &str) -> Cow<'_, str> {
    let digits = STANDARD.decode(etag).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let digits = digits.filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.map_or(Cow::Borrowed(etag), Cow::Owned)
}

impl std::error::Error for HubError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(error) => Some(error),
            Self::File { source, .. } | Self::System(source) => Some(source),
            _ => None,
        }
    }
}
