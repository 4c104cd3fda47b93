//! A client as JSON.

use serde_json::{Map, Number, Value, json};

use super::fields::{Fields, InvalidDocument};
use super::{Document, READ_ONLY};
use crate::attributes::{AttributeValue, Attributes};
use crate::names::{AuthenticationName, ClientName};
use crate::resources::{CertificateRule, Client, Thumbprint};

impl Document for Client {
    fn read(name: &str, properties: &Value) -> Result<Self, InvalidDocument> {
        let name = ClientName::parse(name).map_err(|error| InvalidDocument::new("name", error))?;
        let mut fields = Fields::of("properties", properties)?;
        fields.ignore(READ_ONLY);
        let mut client = Self::new(name);
        fields.text("description")?.unwrap_or_default().clone_into(&mut client.description);
        if let Some(text) = fields.text("authenticationName")? {
            let name = AuthenticationName::parse(text);
            client = client
                .with_authentication_name(name.map_err(|error| fields.wrong("authenticationName", error))?);
        }
        let states = [("Enabled", true), ("Disabled", false)];
        client.is_enabled = fields.choice("state", &states)?.unwrap_or(true);
        if let Some(attributes) = fields.value("attributes") {
            client = client.with_attributes(read_attributes(attributes)?);
        }
        let rule = fields.object("clientCertificateAuthentication")?.map(read_rule).transpose()?;
        let old_rule = fields.object("authentication")?.map(read_old_rule).transpose()?;
        fields.finish()?;
        Ok(client.with_certificate(rule.or(old_rule).unwrap_or(CertificateRule::Subject)))
    }

    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn properties(&self) -> Map<String, Value> {
        let mut rule = Map::new();
        rule.insert("validationScheme".to_owned(), self.certificate.name().into());
        if let CertificateRule::Thumbprint(thumbprints) = &self.certificate {
            let texts: Vec<String> = thumbprints.iter().map(Thumbprint::to_string).collect();
            rule.insert("allowedThumbprints".to_owned(), texts.into());
        }
        let attributes = &self.principal.attributes;
        let attributes: Map<_, _> =
            attributes.iter().map(|(key, value)| (key.to_owned(), write_attribute(value))).collect();
        let mut properties = Map::new();
        super::describe(&mut properties, &self.description);
        properties.insert("authenticationName".to_owned(), self.principal.name.as_str().into());
        properties.insert("clientCertificateAuthentication".to_owned(), rule.into());
        properties.insert("state".to_owned(), if self.is_enabled { "Enabled" } else { "Disabled" }.into());
        properties.insert("attributes".to_owned(), attributes.into());
        properties
    }
}

/// `clientCertificateAuthentication`: thumbprints with `ThumbprintMatch`, and with no other scheme.
fn read_rule(mut fields: Fields<'_>) -> Result<CertificateRule, InvalidDocument> {
    let rules = [
        CertificateRule::Subject,
        CertificateRule::Dns,
        CertificateRule::Uri,
        CertificateRule::Ip,
        CertificateRule::Email,
        CertificateRule::Thumbprint(Vec::new()),
    ];
    let choices: Vec<_> = rules.iter().map(|rule| (rule.name(), rule)).collect();
    let rule = fields.choice("validationScheme", &choices)?.unwrap_or(&rules[0]);
    let thumbprints = fields.texts("allowedThumbprints")?.unwrap_or_default();
    let rule = match rule {
        CertificateRule::Thumbprint(_) if thumbprints.is_empty() => {
            return Err(fields.wrong("allowedThumbprints", "ThumbprintMatch requires one or two of them"));
        }
        CertificateRule::Thumbprint(_) => read_thumbprints(&fields, "allowedThumbprints", &thumbprints)?,
        _ if !thumbprints.is_empty() => {
            return Err(fields.wrong("allowedThumbprints", "they are only for the scheme ThumbprintMatch"));
        }
        rule => rule.clone(),
    };
    fields.finish()?;
    Ok(rule)
}

/// `authentication` of the first private previews.
fn read_old_rule(mut fields: Fields<'_>) -> Result<CertificateRule, InvalidDocument> {
    if fields.value("certificateSubject").is_some() {
        let instead = "use clientCertificateAuthentication with SubjectMatchesAuthenticationName";
        return Err(fields.wrong("certificateSubject", instead));
    }
    let Some(mut thumbprints) = fields.object("certificateThumbprint")? else {
        return fields.finish().map(|()| CertificateRule::Subject);
    };
    fields.finish()?;
    let primary = thumbprints.required_text("primary")?;
    let texts: Vec<&str> = [Some(primary), thumbprints.text("secondary")?].into_iter().flatten().collect();
    let rule = read_thumbprints(&thumbprints, "primary", &texts)?;
    thumbprints.finish()?;
    Ok(rule)
}

fn read_thumbprints(
    fields: &Fields<'_>,
    name: &str,
    texts: &[&str],
) -> Result<CertificateRule, InvalidDocument> {
    if texts.len() > 2 {
        return Err(fields.wrong(name, "it may have at most two items"));
    }
    let thumbprints = texts.iter().map(|text| Thumbprint::parse(text)).collect::<Result<_, _>>();
    thumbprints.map(CertificateRule::Thumbprint).map_err(|error| fields.wrong(name, error))
}

fn read_attributes(value: &Value) -> Result<Attributes, InvalidDocument> {
    let path = "properties.attributes";
    let Value::Object(members) = value else {
        return Err(InvalidDocument::new(path, "it must be an object"));
    };
    let mut entries = Vec::new();
    for (key, value) in members {
        let value = read_attribute(value).ok_or_else(|| {
            // The SDK's text adds bool, of which no query could speak, and which tokens do not bring either.
            let reason = "an attribute is a string, a whole number, or an array of strings";
            InvalidDocument::new(format!("{path}.{}", key.chars().take(50).collect::<String>()), reason)
        })?;
        entries.push((key.clone(), value));
    }
    Attributes::new(entries).map_err(|error| InvalidDocument::new(path, error))
}

fn read_attribute(value: &Value) -> Option<AttributeValue> {
    match value {
        Value::String(text) => Some(AttributeValue::Text(text.clone())),
        Value::Number(number) => number.as_i64().map(AttributeValue::Integer),
        Value::Array(items) => {
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(AttributeValue::List)
        }
        _ => None,
    }
}

fn write_attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Integer(number) => Number::from(*number).into(),
        AttributeValue::Text(text) => text.as_str().into(),
        AttributeValue::List(texts) => json!(texts),
    }
}
