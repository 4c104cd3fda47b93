//! The namespace itself as JSON.

use serde_json::{Map, Value, json};

use super::fields::{Fields, InvalidDocument};

/// Which properties a request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiSurface {
    /// Those of the stable versions.
    Stable,
    /// Those of the previews too.
    Preview,
}

/// A namespace as its owner has written it. What has no effect here is kept and shown as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct NamespaceDocument {
    /// `location`, `tags`, `sku`, `identity` and `properties`, without what the service alone writes.
    body: Map<String, Value>,
    /// Whether its broker takes clients (`topicSpacesConfiguration.state`).
    pub is_enabled: bool,
    /// Throughput units (`sku.capacity`).
    pub units: u16,
    /// `maximumSessionExpiryInHours`.
    pub session_expiry_hours: u16,
    /// `maximumClientSessionsPerAuthenticationName`.
    pub sessions_per_name: u16,
}

/// Throughput units that a namespace may have (Event Grid docs, "quotas and limits").
const MOST_UNITS: u16 = 40;
/// Members of the namespace that the service alone writes.
const READ_ONLY: [&str; 5] = ["id", "name", "type", "systemData", "etag"];
/// Members of its properties that the service alone writes.
const READ_ONLY_PROPERTIES: [&str; 2] = ["provisioningState", "privateEndpointConnections"];

const ENABLED: [(&str, bool); 2] = [("Enabled", true), ("Disabled", false)];

impl NamespaceDocument {
    /// A namespace with an enabled broker, of so many throughput units. Numbers that are not within bounds are brought there.
    pub fn new(location: &str, units: u16, session_expiry_hours: u16, sessions_per_name: u16) -> Self {
        let units = units.clamp(1, MOST_UNITS);
        let session_expiry_hours = session_expiry_hours.clamp(1, 8);
        let sessions_per_name = sessions_per_name.clamp(1, 100);
        let body = json!({
            "location": location,
            "tags": {},
            "sku": { "name": "Standard", "capacity": units },
            "properties": {
                "topicSpacesConfiguration": {
                    "state": "Enabled",
                    "maximumSessionExpiryInHours": session_expiry_hours,
                    "maximumClientSessionsPerAuthenticationName": sessions_per_name,
                },
                "isZoneRedundant": false,
                "publicNetworkAccess": "Enabled",
                "minimumTlsVersionAllowed": "1.2",
            },
        });
        let body = body.as_object().cloned().unwrap_or_default();
        Self { body, is_enabled: true, units, session_expiry_hours, sessions_per_name }
    }

    /// Reads the body of a PUT.
    pub fn read(body: &Value, surface: ApiSurface) -> Result<Self, InvalidDocument> {
        let mut fields = Fields::of("", body)?;
        fields.ignore(&READ_ONLY);
        if fields.required_text("location")?.trim().is_empty() {
            return Err(fields.wrong("location", "it is required"));
        }
        check_tags(&mut fields)?;
        fields.value("identity");
        let units = fields.object("sku")?.map(read_sku).transpose()?.unwrap_or(1);
        let properties = fields.object("properties")?;
        fields.finish()?;
        let mut document = Self {
            body: Map::new(),
            is_enabled: false,
            units,
            session_expiry_hours: 1,
            sessions_per_name: 1,
        };
        if let Some(properties) = properties {
            document.read_properties(properties, surface)?;
        }
        document.body = written(body);
        Ok(document)
    }

    fn read_properties(
        &mut self,
        mut fields: Fields<'_>,
        surface: ApiSurface,
    ) -> Result<(), InvalidDocument> {
        fields.ignore(&READ_ONLY_PROPERTIES);
        if let Some(configuration) = fields.object("topicSpacesConfiguration")? {
            self.read_topic_spaces(configuration, surface)?;
        }
        fields.value("topicsConfiguration");
        fields.flag("isZoneRedundant")?;
        let access = [("Enabled", ()), ("Disabled", ()), ("SecuredByPerimeter", ())];
        fields.choice("publicNetworkAccess", &access)?;
        for mut rule in fields.objects("inboundIpRules")? {
            rule.text("ipMask")?;
            rule.choice("action", &[("Allow", ())])?;
            rule.finish()?;
        }
        fields.choice("minimumTlsVersionAllowed", &[("1.0", ()), ("1.1", ()), ("1.2", ())])?;
        fields.finish()
    }

    fn read_topic_spaces(
        &mut self,
        mut fields: Fields<'_>,
        surface: ApiSurface,
    ) -> Result<(), InvalidDocument> {
        fields.ignore(&["hostname"]);
        self.is_enabled = fields.choice("state", &ENABLED)?.unwrap_or(false);
        self.session_expiry_hours = fields.number("maximumSessionExpiryInHours", 1..=8)?.unwrap_or(1);
        let sessions = fields.number("maximumClientSessionsPerAuthenticationName", 1..=100)?;
        self.sessions_per_name = sessions.unwrap_or(1);
        fields.text("routeTopicResourceId")?;
        if let Some(mut enrichments) = fields.object("routingEnrichments")? {
            enrichments.objects("static")?;
            enrichments.objects("dynamic")?;
            enrichments.finish()?;
        }
        fields.object("routingIdentityInfo")?;
        fields.objects("customDomains")?;
        if surface == ApiSurface::Preview {
            fields.object("clientAuthentication")?;
        }
        fields.finish()
    }

    /// Reads the body of a PATCH, which changes what it names.
    pub fn patched(&self, patch: &Value, surface: ApiSurface) -> Result<Self, InvalidDocument> {
        let mut fields = Fields::of("", patch)?;
        fields.ignore(&READ_ONLY);
        check_tags(&mut fields)?;
        for name in ["sku", "identity", "properties"] {
            fields.value(name);
        }
        fields.finish()?;
        let mut body = Value::Object(self.body.clone());
        // Tags are replaced as a whole, and an identity as well.
        for name in ["tags", "identity"] {
            if let (Some(value), Some(body)) = (patch.get(name), body.as_object_mut()) {
                body.insert(name.to_owned(), value.clone());
            }
        }
        for name in ["sku", "properties"] {
            if let (Some(value), Some(body)) = (patch.get(name), body.as_object_mut()) {
                merge(body.entry(name).or_insert(Value::Null), value, MERGED_LEVELS);
            }
        }
        // What a preview has put there stays, whatever the version of this request.
        let surface =
            if patch.pointer(CLIENT_AUTHENTICATION).is_some() { surface } else { ApiSurface::Preview };
        Self::read(&body, surface)
    }

    /// A PUT over this one: a PUT that says nothing of the broker leaves its configuration, which has parts that only newer
    /// versions know.
    pub fn replaced(&self, body: &Value, surface: ApiSurface) -> Result<Self, InvalidDocument> {
        const CONFIGURATION: &str = "topicSpacesConfiguration";
        let mut whole = body.clone();
        let mut surface = surface;
        let own = self.body.get("properties").and_then(|properties| properties.get(CONFIGURATION));
        if let (Some(own), Some(whole)) = (own, whole.as_object_mut()) {
            let properties = whole.entry("properties").or_insert_with(|| json!({}));
            if let Some(properties) = properties.as_object_mut()
                && properties.get(CONFIGURATION).is_none_or(Value::is_null)
            {
                properties.insert(CONFIGURATION.to_owned(), own.clone());
                surface = ApiSurface::Preview;
            }
        }
        Self::read(&whole, surface)
    }

    /// Where it is said to be.
    pub fn location(&self) -> &str {
        self.body.get("location").and_then(Value::as_str).unwrap_or_default()
    }

    /// `topicSpacesConfiguration` as it was written.
    pub(super) fn topic_spaces_configuration(&self) -> Option<&Value> {
        self.body.get("properties")?.get("topicSpacesConfiguration")
    }

    /// As it was written.
    pub fn body(&self) -> &Map<String, Value> {
        &self.body
    }

    /// `properties` as a version of the API shows them, with what the service adds.
    pub fn properties(&self, hostname: &str, surface: ApiSurface) -> Map<String, Value> {
        let properties = self.body.get("properties").and_then(Value::as_object);
        let mut properties = properties.cloned().unwrap_or_default();
        let configuration = properties.entry("topicSpacesConfiguration").or_insert_with(|| json!({}));
        if let Some(configuration) = configuration.as_object_mut() {
            configuration
                .insert("state".to_owned(), if self.is_enabled { "Enabled" } else { "Disabled" }.into());
            configuration.insert("maximumSessionExpiryInHours".to_owned(), self.session_expiry_hours.into());
            let sessions = self.sessions_per_name.into();
            configuration.insert("maximumClientSessionsPerAuthenticationName".to_owned(), sessions);
            if self.is_enabled {
                configuration.insert("hostname".to_owned(), hostname.into());
            }
            if surface == ApiSurface::Stable {
                configuration.shift_remove("clientAuthentication");
            }
        }
        properties
    }
}

/// Where clients' other ways of authentication stand.
const CLIENT_AUTHENTICATION: &str = "/properties/topicSpacesConfiguration/clientAuthentication";

/// Levels of a PATCH that are merged: `sku` or `properties`, and the configurations in it. What is below is replaced.
const MERGED_LEVELS: usize = 2;

fn merge(target: &mut Value, patch: &Value, levels: usize) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) if levels > 0 => {
            for (name, value) in patch {
                merge(target.entry(name.clone()).or_insert(Value::Null), value, levels - 1);
            }
        }
        (target, patch) => *target = patch.clone(),
    }
}

/// What the owner has written, without what the service adds.
fn written(body: &Value) -> Map<String, Value> {
    let mut body = body.as_object().cloned().unwrap_or_default();
    body.retain(|name, value| !READ_ONLY.contains(&name.as_str()) && !value.is_null());
    if let Some(Value::Object(properties)) = body.get_mut("properties") {
        properties.retain(|name, value| !READ_ONLY_PROPERTIES.contains(&name.as_str()) && !value.is_null());
        if let Some(Value::Object(configuration)) = properties.get_mut("topicSpacesConfiguration") {
            configuration.retain(|name, value| name != "hostname" && !value.is_null());
        }
    }
    body
}

fn check_tags(fields: &mut Fields<'_>) -> Result<(), InvalidDocument> {
    match fields.value("tags") {
        None => Ok(()),
        Some(Value::Object(tags)) if tags.values().all(Value::is_string) => Ok(()),
        Some(_) => Err(fields.wrong("tags", "it must be an object of strings")),
    }
}

fn read_sku(mut fields: Fields<'_>) -> Result<u16, InvalidDocument> {
    fields.choice("name", &[("Standard", ())])?;
    let units = fields.number("capacity", 1..=MOST_UNITS)?.unwrap_or(1);
    fields.finish()?;
    Ok(units)
}
