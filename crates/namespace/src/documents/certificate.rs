//! A CA certificate as JSON.

use serde_json::{Map, Value};

use super::fields::{Fields, InvalidDocument};
use super::{Document, READ_ONLY, describe, resource_name, rfc3339};
use crate::authentication::CaCertificate;
use azmqtt_net::certificate::CertificateFacts;

/// Bytes of a certificate as text.
const LONGEST: usize = 64 << 10;

impl Document for CaCertificate {
    fn read(name: &str, properties: &Value) -> Result<Self, InvalidDocument> {
        let name = resource_name(name)?;
        let mut fields = Fields::of("properties", properties)?;
        fields.ignore(READ_ONLY);
        fields.ignore(&["issueTimeInUtc", "expiryTimeInUtc"]);
        let description = fields.text("description")?.unwrap_or_default();
        let encoded = fields.required_text("encodedCertificate")?;
        if encoded.len() > LONGEST {
            return Err(fields.wrong("encodedCertificate", format!("it has more than {LONGEST} bytes")));
        }
        let certificate =
            Self::read_text(name, encoded).map_err(|error| fields.wrong("encodedCertificate", error))?;
        fields.finish()?;
        Ok(Self { description: description.to_owned(), ..certificate })
    }

    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn properties(&self) -> Map<String, Value> {
        let mut properties = Map::new();
        describe(&mut properties, &self.description);
        properties.insert("encodedCertificate".to_owned(), self.encoded.as_str().into());
        if let Some(facts) = CertificateFacts::read(&self.der) {
            properties.insert("issueTimeInUtc".to_owned(), rfc3339(facts.not_before).into());
            properties.insert("expiryTimeInUtc".to_owned(), rfc3339(facts.not_after).into());
        }
        properties
    }
}
