//! What a job did to a device or module, as queries see it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::Value;

use super::outcome::Outcome;
use azmqtt_dialect::query::{Path, Record};

/// What a job did to a device or module.
pub struct JobRecord {
    job_id: Arc<str>,
    job_type: Arc<str>,
    /// In the form `device/module` for a module.
    target: Arc<str>,
    outcome: Arc<Outcome>,
    whole: OnceCell<Value>,
}

impl JobRecord {
    pub fn new(job_id: Arc<str>, job_type: Arc<str>, target: Arc<str>, outcome: Arc<Outcome>) -> Self {
        Self { job_id, job_type, target, outcome, whole: OnceCell::new() }
    }

    pub fn key(&self) -> [&str; 2] {
        [&self.job_id, &self.target]
    }

    fn document(&self) -> &Value {
        self.whole.get_or_init(|| self.outcome.to_json(&self.job_id, &self.job_type))
    }
}

impl Record for JobRecord {
    fn get(&self, path: &Path) -> Option<Cow<'_, Value>> {
        let text = |text: &str| Some(Cow::Owned(Value::from(text)));
        match path.names() {
            [name] if name == "jobId" => text(&self.job_id),
            [name] if name == "deviceId" => text(&self.outcome.device_id),
            [name] if name == "status" => text(self.outcome.status.name()),
            names => Path::walk(names, self.document()).map(Cow::Borrowed),
        }
    }

    fn text(&self) -> String {
        self.document().to_string()
    }
}
