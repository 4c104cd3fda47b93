//! The resources of a namespace, between Python and Rust.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::errors::value_error;
use azmqtt_namespace::attributes::{self, AttributeValue};
use azmqtt_namespace::resources::{CertificateRule, Client, Permission, Thumbprint};

/// The value of an attribute, as Python has it.
#[derive(FromPyObject, IntoPyObject)]
pub(super) enum Value {
    Integer(i64),
    Text(String),
    List(Vec<String>),
}

/// Attributes as pairs of key and value.
#[derive(FromPyObject)]
pub(super) struct Attributes(Vec<(String, Value)>);

impl Attributes {
    pub(super) fn into_attributes(self) -> PyResult<attributes::Attributes> {
        let entries = self.0.into_iter().map(|(key, value)| {
            let value = match value {
                Value::Integer(number) => AttributeValue::Integer(number),
                Value::Text(text) => AttributeValue::Text(text),
                Value::List(texts) => AttributeValue::List(texts),
            };
            (key, value)
        });
        attributes::Attributes::new(entries).map_err(|error| value_error(&error))
    }
}

/// Attributes as pairs of key and value.
pub(super) type Pairs = Vec<(String, Value)>;

/// Lays attributes out for Python.
pub(super) fn attribute_pairs(attributes: &attributes::Attributes) -> Pairs {
    let pair = |(key, value): (&str, &AttributeValue)| {
        let value = match value {
            AttributeValue::Integer(number) => Value::Integer(*number),
            AttributeValue::Text(text) => Value::Text(text.clone()),
            AttributeValue::List(texts) => Value::List(texts.clone()),
        };
        (key.to_owned(), value)
    };
    attributes.iter().map(pair).collect()
}

/// Name, authentication name, validation scheme, thumbprints, attributes, description, whether it may connect.
pub(super) type ClientTuple = (String, String, &'static str, Vec<String>, Pairs, String, bool);

/// Lays a client out for Python.
pub(super) fn client_tuple(client: &Client) -> ClientTuple {
    let thumbprints = match &client.certificate {
        CertificateRule::Thumbprint(thumbprints) => thumbprints.iter().map(Thumbprint::to_string).collect(),
        _ => Vec::new(),
    };
    (
        client.name.to_string(),
        client.principal.name.to_string(),
        client.certificate.name(),
        thumbprints,
        attribute_pairs(&client.principal.attributes),
        client.description.clone(),
        client.is_enabled,
    )
}

/// The rule of this name, as the service spells it.
pub(super) fn rule(scheme: &str, thumbprints: Vec<String>) -> PyResult<CertificateRule> {
    let simple = [
        CertificateRule::Subject,
        CertificateRule::Dns,
        CertificateRule::Uri,
        CertificateRule::Ip,
        CertificateRule::Email,
    ];
    if let Some(rule) = simple.into_iter().find(|rule| rule.name() == scheme) {
        return Ok(rule);
    }
    let thumbprints = thumbprints.into_iter().map(|text| Thumbprint::parse(&text)).collect::<Result<_, _>>();
    let rule = CertificateRule::Thumbprint(thumbprints.map_err(|error| value_error(&error))?);
    if rule.name() == scheme { Ok(rule) } else { Err(PyValueError::new_err("unknown validation scheme")) }
}

/// The permission of this name, as the service spells it.
pub(super) fn permission(name: &str) -> PyResult<Permission> {
    let all = [Permission::Publisher, Permission::Subscriber];
    all.into_iter()
        .find(|permission| permission.name() == name)
        .ok_or_else(|| PyValueError::new_err("permission must be Publisher or Subscriber"))
}
