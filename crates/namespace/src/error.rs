//! Why a namespace does not start, or a call fails.

use std::fmt;
use std::io;

use crate::authentication::{InvalidIssuer, InvalidWebhook, IssuerError};
use crate::documents::fields::InvalidDocument;
use crate::names::InvalidName;
use crate::query::InvalidQuery;
use crate::resources::{InvalidThumbprint, ResourceError};
use crate::template::InvalidTemplate;
use azmqtt_local::certificate_authority::CertificateError;
use azmqtt_local::faults::FaultError;
use azmqtt_local::files::FileError;
use azmqtt_local::listener::ListenError;
use azmqtt_local::state_dir::StateError;

/// Everything that can go wrong.
#[derive(Debug)]
pub enum NamespaceError {
    /// Nothing can listen there.
    Listen(ListenError),
    /// The state directory cannot be used.
    State(StateError),
    /// The system does not do what is asked, such as start a thread.
    System(io::Error),
    /// A certificate cannot be made.
    Certificate(CertificateError),
    /// A CA certificate cannot be taken; says why.
    Authority(String),
    /// A name breaks its rule.
    Name(InvalidName),
    /// A query cannot be read.
    Query(InvalidQuery),
    /// A topic template cannot be read.
    Template(InvalidTemplate),
    /// A thumbprint cannot be read.
    Thumbprint(InvalidThumbprint),
    /// There cannot be such an issuer of tokens.
    Issuer(InvalidIssuer),
    /// There cannot be such a webhook.
    Webhook(InvalidWebhook),
    /// A resource breaks a rule between resources.
    Resource(ResourceError),
    /// A rule or schedule of faults cannot be set.
    Fault(FaultError),
    /// A resource cannot be read; says which property is wrong.
    Document(InvalidDocument),
    /// The namespace was deleted by its management API.
    Deleted,
}

macro_rules! from {
    ($($variant:ident($error:ty);)*) => {$(
        impl From<$error> for NamespaceError {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        }
    )*};
}

from! {
    Listen(ListenError);
    State(StateError);
    Certificate(CertificateError);
    Name(InvalidName);
    Query(InvalidQuery);
    Template(InvalidTemplate);
    Thumbprint(InvalidThumbprint);
    Issuer(InvalidIssuer);
    Webhook(InvalidWebhook);
    Resource(ResourceError);
    Fault(FaultError);
    Document(InvalidDocument);
    System(io::Error);
}

impl From<IssuerError> for NamespaceError {
    fn from(error: IssuerError) -> Self {
        match error {
            IssuerError::State(error) => error.into(),
            error @ IssuerError::Key(_) => Self::Certificate(CertificateError(error.to_string())),
        }
    }
}

impl From<FileError> for NamespaceError {
    fn from(error: FileError) -> Self {
        Self::State(error.into())
    }
}

impl fmt::Display for NamespaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(error) => error.fmt(f),
            Self::State(error) => error.fmt(f),
            Self::System(error) => write!(f, "a system call that the namespace needs failed: {error}"),
            Self::Certificate(error) => error.fmt(f),
            Self::Authority(reason) => write!(f, "the CA certificate: {reason}"),
            Self::Name(error) => error.fmt(f),
            Self::Query(error) => write!(f, "the query: {error}"),
            Self::Template(error) => write!(f, "the topic template: {error}"),
            Self::Thumbprint(error) => error.fmt(f),
            Self::Issuer(error) => error.fmt(f),
            Self::Webhook(error) => error.fmt(f),
            Self::Resource(error) => error.fmt(f),
            Self::Fault(error) => error.fmt(f),
            Self::Document(error) => error.fmt(f),
            Self::Deleted => f.write_str("the namespace was deleted by its management API"),
        }
    }
}

impl std::error::Error for NamespaceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(error) => Some(error),
            Self::State(error) => Some(error),
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}
