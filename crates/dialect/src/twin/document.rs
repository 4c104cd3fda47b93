//! The hub's twin of one device or module.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::check::check_patch;
use super::error::TwinError;
use super::limits::{Section, TwinLimitError, TwinRule};
use super::merge::diff;
use super::properties::{PropertySection, merged};
use crate::encoding::excerpt;
use crate::time::Timestamp;

/// A twin. Every write is atomic: a refused one changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twin {
    pub(super) tags: Map<String, Value>,
    pub(super) desired: PropertySection,
    pub(super) reported: PropertySection,
    /// Counts writes to tags and desired properties.
    pub(super) etag: u64,
    /// Counts every write.
    pub(super) version: u64,
}

impl Twin {
    /// The twin of a device made at `now`: empty, both sections at version 1.
    pub fn new(now: Timestamp) -> Self {
        Self::unwritten(Some(now))
    }

    /// The twin of a new module, whose sections were never updated, not even when it was made.
    pub fn of_module() -> Self {
        Self::unwritten(None)
    }

    fn unwritten(at: Option<Timestamp>) -> Self {
        Self {
            tags: Map::new(),
            desired: PropertySection::new(Section::Desired, at),
            reported: PropertySection::new(Section::Reported, at),
            etag: 1,
            version: 2,
        }
    }

    /// The twin of an identity that is made with tags and desired properties, as a service writes them: their first version.
    pub fn with(body: &Value, now: Timestamp) -> Result<Self, TwinError> {
        let mut written = Self::new(now);
        written.patch_by_service(body, None, now)?;
        let mut twin = Self { tags: written.tags, ..Self::new(now) };
        if !written.desired.values().is_empty() {
            twin.desired = written.desired;
            twin.desired.begin(now);
        }
        Ok(twin)
    }

    /// Tags.
    pub fn tags(&self) -> &Map<String, Value> {
        &self.tags
    }

    /// Desired properties.
    pub fn desired(&self) -> &PropertySection {
        &self.desired
    }

    /// Reported properties.
    pub fn reported(&self) -> &PropertySection {
        &self.reported
    }

    /// Changes with every write to tags or desired properties, not with reported ones; without quotes.
    pub fn etag(&self) -> String {
        STANDARD.encode(self.etag.to_be_bytes())
    }

    /// Rises with every write.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// A device's patch. Answers with the reported section's new version.
    pub fn patch_reported(
        &mut self,
        patch: &Value,
        if_version: Option<u64>,
        now: Timestamp,
    ) -> Result<u64, TwinError> {
        expect_version(if_version, &self.reported)?;
        let version = self.reported.patch(patch, now)?;
        self.version = self.version.saturating_add(1);
        Ok(version)
    }

    /// A patch of desired properties. Answers with their new version; the device is then due
    /// [`desired_notification`].
    pub fn patch_desired(
        &mut self,
        patch: &Value,
        if_version: Option<u64>,
        now: Timestamp,
    ) -> Result<u64, TwinError> {
        expect_version(if_version, &self.desired)?;
        let version = self.desired.patch(patch, now)?;
        self.count_service_write();
        Ok(version)
    }

    /// Removes all desired properties. Answers with the notification that the device is due.
    pub fn clear_desired(&mut self, now: Timestamp) -> Result<Value, TwinError> {
        self.replace_desired(&Value::Object(Map::new()), now)
    }

    /// Puts other desired properties in place of all. Answers with the notification that the device is due, which leads
    /// from the ones to the others.
    fn replace_desired(&mut self, values: &Value, now: Timestamp) -> Result<Value, TwinError> {
        let before = Value::Object(self.desired.values().clone());
        let version = self.desired.replace(values, now)?;
        self.count_service_write();
        let change = diff(&before, &Value::Object(self.desired.values().clone()));
        Ok(desired_notification(&change, version))
    }

    /// A patch of the tags, which have no version of their own.
    pub fn patch_tags(&mut self, patch: &Value) -> Result<(), TwinError> {
        check_patch(Section::Tags, patch)?;
        if let Value::Object(patch) = patch {
            self.tags = merged(Section::Tags, &self.tags, patch)?;
        }
        self.count_service_write();
        Ok(())
    }

    /// A service's PATCH: `{"tags":{…},"properties":{"desired":{…}}}`, either part absent. A part that is null is
    /// cleared.
    ///
    /// `if_match` is the `If-Match` header, quotes included or not; `*` matches always. Answers with the notification
    /// that the device is due, if any.
    pub fn patch_by_service(
        &mut self,
        body: &Value,
        if_match: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Value>, TwinError> {
        self.expect_etag(if_match)?;
        let ServiceBody { tags, desired } = read_service_body(body)?;
        self.write(|twin| {
            match tags {
                Part::Absent => {}
                Part::Cleared => twin.replace_tags(&Value::Object(Map::new()))?,
                Part::Of(patch) => twin.patch_tags(&patch)?,
            }
            match desired {
                Part::Absent => Ok(None),
                Part::Cleared => twin.clear_desired(now).map(Some),
                Part::Of(patch) => {
                    let version = twin.patch_desired(&patch, None, now)?;
                    Ok(Some(desired_notification(&patch, version)))
                }
            }
        })
    }

    /// A service's PUT: as [`patch_by_service`](Self::patch_by_service), but each part that is present replaces what
    /// was there.
    pub fn replace_by_service(
        &mut self,
        body: &Value,
        if_match: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<Value>, TwinError> {
        self.expect_etag(if_match)?;
        let ServiceBody { tags, desired } = read_service_body(body)?;
        self.write(|twin| {
            tags.values().map_or(Ok(()), |tags| twin.replace_tags(&tags))?;
            desired.values().map(|values| twin.replace_desired(&values, now)).transpose()
        })
    }

    fn replace_tags(&mut self, values: &Value) -> Result<(), TwinError> {
        self.tags.clear();
        self.patch_tags(values)
    }

    /// Several steps as one: all of them or none.
    fn write<T>(&mut self, steps: impl FnOnce(&mut Self) -> Result<T, TwinError>) -> Result<T, TwinError> {
        let mut twin = self.clone();
        let answer = steps(&mut twin)?;
        *self = twin;
        Ok(answer)
    }

    fn expect_etag(&self, if_match: Option<&str>) -> Result<(), TwinError> {
        let Some(wanted) = if_match else { return Ok(()) };
        let wanted = wanted.trim().trim_matches('"');
        if wanted == "*" || wanted == self.etag() { Ok(()) } else { Err(TwinError::EtagMismatch) }
    }

    fn count_service_write(&mut self) {
        self.etag = self.etag.saturating_add(1);
        self.version = self.version.saturating_add(1);
    }
}

fn expect_version(if_version: Option<u64>, section: &PropertySection) -> Result<(), TwinError> {
    match if_version {
        Some(expected) if expected != section.version() => {
            Err(TwinError::VersionMismatch { expected, actual: section.version() })
        }
        _ => Ok(()),
    }
}

/// The body that tells a device of a desired change: the patch as applied, nulls included, with the new `$version`.
pub fn desired_notification(patch: &Value, version: u64) -> Value {
    let mut body = patch.as_object().cloned().unwrap_or_default();
    body.insert("$version".to_owned(), version.into());
    Value::Object(body)
}

/// Parses the body of a patch.
pub fn parse_patch(body: &[u8]) -> Result<Value, TwinError> {
    serde_json::from_slice(body).map_err(|error| TwinError::NotJson(error.to_string()))
}

struct ServiceBody {
    tags: Part,
    desired: Part,
}

/// What a twin has, as a service that sends back what it read includes it.
const MEMBERS: [&str; 20] = [
    "authenticationType",
    "capabilities",
    "cloudToDeviceMessageCount",
    "configurations",
    "connectionState",
    "deviceEtag",
    "deviceId",
    "deviceScope",
    "etag",
    "lastActivityTime",
    "modelId",
    "moduleId",
    "parentScopes",
    "properties",
    "status",
    "statusReason",
    "statusUpdateTime",
    "tags",
    "version",
    "x509Thumbprint",
];

/// Refuses a name that is in the wrong place, such as `desired` outside of `properties`: it would be passed over.
fn check_names(at: &str, fields: &Map<String, Value>, known: &[&str]) -> Result<(), TwinError> {
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(TwinError::Limit(TwinLimitError {
            path: format!("{at}{}", excerpt(name, 64)),
            rule: TwinRule::NotOfATwin,
        })),
    }
}

/// What a body says of one part of the twin.
enum Part {
    /// Nothing.
    Absent,
    /// Null.
    Cleared,
    Of(Value),
}

impl Part {
    /// `$version` and `$metadata`, which a service that sends back what it read includes, are the hub's own and ignored.
    fn read(value: Option<&Value>) -> Self {
        let mut value = match value {
            None => return Self::Absent,
            Some(Value::Null) => return Self::Cleared,
            Some(value) => value.clone(),
        };
        if let Value::Object(fields) = &mut value {
            fields.shift_remove("$version");
            fields.shift_remove("$metadata");
        }
        Self::Of(value)
    }

    /// What is to be there, if anything is said.
    fn values(self) -> Option<Value> {
        match self {
            Self::Absent => None,
            Self::Cleared => Some(Value::Object(Map::new())),
            Self::Of(values) => Some(values),
        }
    }
}

/// What a service may write: nulls clear, at each level.
fn read_service_body(body: &Value) -> Result<ServiceBody, TwinError> {
    let not_an_object =
        |path: &str| TwinError::Limit(TwinLimitError { path: path.to_owned(), rule: TwinRule::NotAnObject });
    let fields = body.as_object().ok_or_else(|| not_an_object("twin"))?;
    check_names("", fields, &MEMBERS)?;
    let desired = match fields.get("properties") {
        properties @ (None | Some(Value::Null)) => Part::read(properties),
        Some(properties) => {
            let properties = properties.as_object().ok_or_else(|| not_an_object("properties"))?;
            check_names("properties.", properties, &["desired", "reported"])?;
            Part::read(properties.get("desired"))
        }
    };
    Ok(ServiceBody { tags: Part::read(fields.get("tags")), desired })
}

impl Twin {
    /// What a device gets for a twin GET: both sections with `$version`, no tags, no metadata.
    pub fn device_view(&self) -> Value {
        json!({ "desired": self.desired.device_view(), "reported": self.reported.device_view() })
    }
}
