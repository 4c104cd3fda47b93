//! Shared access policies: keys of the hub itself, and what their holders may do (IoT Hub docs, "Control access to IoT Hub
//! by using shared access signatures": permissions and the default policies).

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::error::HubError;
use crate::random;
use crate::storage::state_dir::StateDir;
use azmqtt_dialect::sas::SymmetricKey;

/// What the holder of a policy's key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Read the identity registry.
    RegistryRead,
    /// Change the identity registry; includes reading it.
    RegistryWrite,
    /// What service applications do: twins, methods, messages, jobs.
    ServiceConnect,
    /// What devices do, in the name of any of them.
    DeviceConnect,
}

const RIGHTS: [(Right, &str); 4] = [
    (Right::RegistryRead, "RegistryRead"),
    (Right::RegistryWrite, "RegistryWrite"),
    (Right::ServiceConnect, "ServiceConnect"),
    (Right::DeviceConnect, "DeviceConnect"),
];

/// A policy: its name, its keys, its rights.
#[derive(Clone)]
pub struct Policy {
    pub name: String,
    /// Primary and secondary: either one signs.
    pub keys: [SymmetricKey; 2],
    rights: Vec<Right>,
}

impl Policy {
    pub fn may(&self, right: Right) -> bool {
        let reads = right == Right::RegistryRead && self.rights.contains(&Right::RegistryWrite);
        reads || self.rights.contains(&right)
    }

    /// Whether it may do everything, as `iothubowner` may.
    pub fn is_of_the_owner(&self) -> bool {
        RIGHTS.iter().all(|(right, _)| self.may(*right))
    }

    fn to_state(&self) -> Value {
        let [primary, secondary] = self.keys.each_ref().map(SymmetricKey::as_base64);
        let rights = RIGHTS.iter().filter(|(right, _)| self.rights.contains(right)).map(|(_, name)| *name);
        let rights: Vec<_> = rights.collect();
        json!({
            "keyName": self.name,
            "primaryKey": primary,
            "secondaryKey": secondary,
            "rights": rights.join(", "),
        })
    }

    /// An error names the property, never a key.
    fn from_state(state: &Value) -> Result<Self, String> {
        let text = |name: &str| {
            state.get(name).and_then(Value::as_str).ok_or_else(|| format!("'{name}' is missing or not text"))
        };
        let key = |name| SymmetricKey::from_base64(text(name)?).map_err(|error| format!("'{name}': {error}"));
        let rights = text("rights")?.split(',').map(|name| {
            let found = RIGHTS.iter().find(|(_, known)| *known == name.trim());
            found.map(|(right, _)| *right).ok_or("'rights' names an unknown right".to_owned())
        });
        Ok(Self {
            name: text("keyName")?.to_owned(),
            keys: [key("primaryKey")?, key("secondaryKey")?],
            rights: rights.collect::<Result<_, _>>()?,
        })
    }
}

/// The policy that may do everything.
pub const OWNER: &str = "iothubowner";

/// The policies of a new hub.
const DEFAULTS: [(&str, &[Right]); 5] = [
    (OWNER, &[Right::RegistryRead, Right::RegistryWrite, Right::ServiceConnect, Right::DeviceConnect]),
    ("service", &[Right::ServiceConnect]),
    ("device", &[Right::DeviceConnect]),
    ("registryRead", &[Right::RegistryRead]),
    ("registryReadWrite", &[Right::RegistryRead, Right::RegistryWrite]),
];

/// The policies of a hub, by name; names are case-sensitive.
pub struct Policies(Vec<Policy>);

impl Policies {
    /// The default policies, with random keys.
    pub fn generate() -> Result<Self, HubError> {
        let policies = DEFAULTS.iter().map(|(name, rights)| {
            Ok(Policy { name: (*name).to_owned(), keys: random::keys()?, rights: rights.to_vec() })
        });
        Ok(Self(policies.collect::<io::Result<_>>().map_err(HubError::System)?))
    }

    /// Those that a state directory keeps, made at the first call ever.
    pub fn load(dir: &StateDir) -> Result<Self, HubError> {
        if let Some((path, content)) = dir.policies()? {
            return Self::from_state(&path, &content);
        }
        let policies = Self::generate()?;
        dir.save_policies(&policies.0.iter().map(Policy::to_state).collect())?;
        Ok(policies)
    }

    fn from_state(path: &Path, content: &Value) -> Result<Self, HubError> {
        let corrupt = |reason: String| HubError::corrupt(path, reason);
        let policies = content.as_array().ok_or_else(|| corrupt("it is not a list".to_owned()))?;
        let policies =
            Self(policies.iter().map(Policy::from_state).collect::<Result<_, _>>().map_err(corrupt)?);
        match policies.find(OWNER) {
            Some(_) => Ok(policies),
            None => Err(corrupt(format!("the policy {OWNER} is missing"))),
        }
    }

    pub fn find(&self, name: &str) -> Option<&Policy> {
        self.0.iter().find(|policy| policy.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back() {
        let policies = Policies::generate().unwrap();
        let content = policies.0.iter().map(Policy::to_state).collect();
        let read = Policies::from_state(Path::new("p"), &content).unwrap();
        for policy in &policies.0 {
            let same = read.find(&policy.name).unwrap();
            assert!(same.keys == policy.keys && same.rights == policy.rights);
        }
        assert_eq!(read.0.len(), DEFAULTS.len());
    }

    #[test]
    fn what_is_damaged_is_named_without_its_keys() {
        let policies = Policies::generate().unwrap();
        let good: Value = policies.0.iter().map(Policy::to_state).collect();
        for (name, value) in
            [("rights", json!("Everything")), ("primaryKey", json!("?")), ("keyName", json!(1))]
        {
            let mut bad = good.clone();
            bad[1][name] = value;
            let error = Policies::from_state(Path::new("p"), &bad).err().unwrap().to_string();
            assert!(
                error.contains(name) && !error.contains(good[1]["secondaryKey"].as_str().unwrap()),
                "{error}"
            );
        }
    }

    #[test]
    fn the_owner_is_always_there() {
        let error = Policies::from_state(Path::new("p"), &json!([])).err().unwrap().to_string();
        assert_eq!(error, "p is damaged: the policy iothubowner is missing");
    }

    #[test]
    fn whoever_writes_the_registry_reads_it() {
        let policies = Policies::generate().unwrap();
        assert!(policies.find("registryReadWrite").unwrap().may(Right::RegistryRead));
        assert!(!policies.find("registryRead").unwrap().may(Right::RegistryWrite));
        assert!(!policies.find("service").unwrap().may(Right::RegistryRead));
        assert!(policies.find("SERVICE").is_none());
    }
}
