//! The configurations of a hub, in memory and in one file of the state directory.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};

use serde_json::{Value, json};

use super::document::{Configuration, ConfigurationBody};
use crate::error::HubError;
use crate::error::refused::Refused;
use crate::if_match::IfMatch;
use crate::registry::Registry;
use crate::storage::disk::Disk;
use crate::unix_time::unix_now;
use azmqtt_dialect::service_error::ErrorCode;
use azmqtt_dialect::time::parse_utc;
use azmqtt_net::sync::Mutex;

const FILE: &str = "configurations.json";

/// How many a hub keeps (IoT Hub docs, "quotas and throttling"; a free hub has 10).
pub const MAX_CONFIGURATIONS: usize = 100;

/// What the contents of all may take, in bytes of JSON.
const MAX_BYTES: usize = 16 << 20;

/// Configurations by id.
pub struct Configurations {
    /// Whom they are for.
    pub(super) registry: Arc<Registry>,
    disk: Disk,
    all: Mutex<BTreeMap<String, Configuration>>,
    serials: AtomicU64,
    /// Held while the file is written, so that an older one never overwrites a newer one.
    saving: Mutex<()>,
}

impl Configurations {
    /// Those that the disk keeps.
    pub fn load(registry: Arc<Registry>, disk: Disk) -> Result<Self, HubError> {
        let kept = disk.dir().map_or(Ok(None), |dir| dir.document(FILE))?;
        let (all, serials, saving) = (Mutex::default(), AtomicU64::new(0), Mutex::default());
        let configurations = Self { registry, disk, all, serials, saving };
        let Some((path, content)) = kept else { return Ok(configurations) };
        let list = content.get("configurations").and_then(Value::as_array);
        let list =
            list.ok_or_else(|| HubError::corrupt(&path, "'configurations' is missing or not a list"))?;
        for entry in list {
            let configuration =
                read(entry, configurations.serial()).map_err(|reason| HubError::corrupt(&path, reason))?;
            configurations.all().insert(configuration.id.clone(), configuration);
        }
        configurations.judge_all();
        Ok(configurations)
    }

    pub fn get(&self, id: &str) -> Result<Configuration, Refused> {
        self.all().get(id).cloned().ok_or_else(|| not_found(id))
    }

    /// The first ones by id.
    pub fn list(&self, most: usize) -> Vec<Configuration> {
        self.all().values().take(most).cloned().collect()
    }

    /// Makes a configuration, or changes one if there is a condition on its etag.
    pub fn put(
        &self,
        id: &str,
        body: ConfigurationBody,
        if_match: Option<&IfMatch>,
    ) -> Result<Configuration, Refused> {
        let _saving = self.saving.lock();
        let now = unix_now();
        let before = self.all().get(id).cloned();
        let configuration = match (&before, if_match) {
            (None, Some(_)) => return Err(not_found(id)),
            (None, None) => {
                self.check_room(&body)?;
                let serial = self.serial();
                Configuration { id: id.to_owned(), body, created: now, updated: now, revision: 1, serial }
            }
            (Some(_), None) => {
                let message = format!("the configuration {id} already exists");
                return Err(Refused::new(ErrorCode::CONFIGURATION_ALREADY_EXISTS, message));
            }
            (Some(old), Some(wanted)) => {
                expect(old, wanted)?;
                // The content stays, as on the service, which ignores another one.
                let (shown_content, content) = (old.body.shown_content.clone(), old.body.content.clone());
                let body = ConfigurationBody { shown_content, content, ..body };
                Configuration { body, updated: now, revision: old.revision + 1, ..old.clone() }
            }
        };
        self.replace(id, Some(configuration.clone()))?;
        Ok(configuration)
    }

    pub fn delete(&self, id: &str, if_match: Option<&IfMatch>) -> Result<(), Refused> {
        let _saving = self.saving.lock();
        let old = self.get(id)?;
        if_match.map_or(Ok(()), |wanted| expect(&old, wanted))?;
        self.replace(id, None)
    }

    /// Changes one in memory and on the disk, or in neither. The caller holds `saving`.
    fn replace(&self, id: &str, new: Option<Configuration>) -> Result<(), Refused> {
        let mut after = self.all().clone();
        match new {
            Some(new) => drop(after.insert(id.to_owned(), new)),
            None => drop(after.remove(id)),
        }
        if let Some(dir) = self.disk.dir() {
            let list: Vec<Value> = after.values().map(to_file).collect();
            dir.save_document(FILE, &json!({ "configurations": list }))
                .map_err(|error| Refused::new(ErrorCode::SERVER_ERROR, error.to_string()))?;
        }
        *self.all() = after;
        self.judge_all();
        Ok(())
    }

    fn check_room(&self, new: &ConfigurationBody) -> Result<(), Refused> {
        let all = self.all();
        let size = |body: &ConfigurationBody| body.shown_content.to_string().len();
        let message = if all.len() >= MAX_CONFIGURATIONS {
            format!("the hub has {MAX_CONFIGURATIONS} configurations, its limit")
        } else if all.values().map(|other| size(&other.body)).sum::<usize>() + size(new) > MAX_BYTES {
            format!(
                "the contents of all configurations take more than {MAX_BYTES} bytes, the limit of this hub"
            )
        } else {
            return Ok(());
        };
        Err(Refused::new(ErrorCode::TOO_MANY_CONFIGURATIONS, message))
    }

    fn judge_all(&self) {
        self.registry.unjudged.add_all(!self.all().is_empty());
    }

    fn serial(&self) -> u64 {
        self.serials.fetch_add(1, Ordering::Relaxed)
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Configuration>> {
        self.all.lock()
    }
}

fn not_found(id: &str) -> Refused {
    Refused::new(ErrorCode::CONFIGURATION_NOT_FOUND, format!("the configuration {id} does not exist"))
}

fn expect(configuration: &Configuration, wanted: &IfMatch) -> Result<(), Refused> {
    if wanted.admits(&configuration.etag()) {
        return Ok(());
    }
    let message = format!("the etag of the configuration {} is another one", configuration.id);
    Err(Refused::new(ErrorCode::PRECONDITION_FAILED, message))
}

fn to_file(configuration: &Configuration) -> Value {
    let mut content = configuration.to_json();
    content["revision"] = configuration.revision.into();
    content
}

fn read(entry: &Value, serial: u64) -> Result<Configuration, String> {
    let text = |name: &str| {
        entry.get(name).and_then(Value::as_str).ok_or_else(|| format!("'{name}' is missing or not text"))
    };
    let time = |name| parse_utc(text(name)?).ok_or_else(|| format!("'{name}' is not a time"));
    let id = text("id")?;
    let body = ConfigurationBody::read(id, entry).map_err(|error| error.message().to_owned())?;
    let revision = entry.get("revision").and_then(Value::as_u64).ok_or("'revision' is missing")?;
    Ok(Configuration {
        id: id.to_owned(),
        body,
        created: time("createdTimeUtc")?,
        updated: time("lastUpdatedTimeUtc")?,
        revision,
        serial,
    })
}
