//! Resources within the namespace, each kind by the same steps.

use std::path::Path;

use serde_json::{Value, json};

use super::kept::{ChangeError, Kept, Put};
use super::stamp::Stamp;
use crate::authentication::CaCertificate;
use crate::documents::Document;
use crate::error::NamespaceError;
use crate::names::{ClientName, GroupRef, ResourceName};
use crate::resources::{Client, ClientGroup, PermissionBinding, ResourceError, ResourceKind, TopicSpace};
use crate::shared::Shared;
use azmqtt_local::state_dir::StateError;

/// A resource within the namespace.
pub trait Resource: Document + Send + 'static {
    /// Which kind.
    const KIND: ResourceKind;

    /// Those that are there without anybody having made them, and that nobody changes; each with its description.
    const BUILT_IN: &'static [(&'static str, &'static str)] = &[];

    /// Whether it would be new, or why it cannot be put.
    fn check(&self, shared: &Shared) -> Result<bool, ResourceError>;

    /// Has it take effect.
    fn apply(self, shared: &Shared) -> Result<bool, ResourceError>;

    /// The one of this name.
    fn find(name: &str, shared: &Shared) -> Option<Self>;

    /// Calls `look` with the names of all, in order, while holding the lock.
    fn look_at_names<T>(shared: &Shared, look: impl FnOnce(&mut dyn Iterator<Item = &str>) -> T) -> T;

    /// The names of all, in their order.
    fn names(shared: &Shared) -> Vec<String> {
        Self::look_at_names(shared, |names| names.map(str::to_owned).collect())
    }

    /// An error if another resource needs it.
    fn check_unused(name: &str, shared: &Shared) -> Result<(), ResourceError>;

    /// Takes it away.
    fn withdraw(name: &str, shared: &Shared);
}

impl Shared {
    /// Makes a resource, or changes the one of its name.
    pub fn put<R: Resource>(&self, resource: R) -> Result<Put, ChangeError> {
        let mut kept = self.store.0.lock();
        kept.check_exists()?;
        let is_new = resource.check(self)?;
        let key = (R::KIND, resource.name().to_owned());
        let stamp = Stamp::changed(kept.stamps.get(&key).copied());
        kept.save(R::KIND, &key.1, &to_file(&resource, stamp))?;
        resource.apply(self)?;
        kept.stamps.insert(key, stamp);
        Ok(Put { is_new, stamp })
    }

    /// Deletes a resource. Whether there was one.
    pub fn delete<R: Resource>(&self, name: &str) -> Result<bool, ChangeError> {
        let mut kept = self.store.0.lock();
        if R::find(name, self).is_none() {
            return Ok(false);
        }
        R::check_unused(name, self)?;
        kept.remove(R::KIND, name)?;
        R::withdraw(name, self);
        kept.stamps.remove(&(R::KIND, name.to_owned()));
        Ok(true)
    }
}

fn to_file<R: Resource>(resource: &R, stamp: Stamp) -> Value {
    json!({ "name": resource.name(), "properties": resource.properties(), "at": stamp.to_file() })
}

type Stamps = Vec<((ResourceKind, String), Stamp)>;

/// Reads all resources, those that others name first.
pub(super) fn load_all(kept: &Kept, shared: &Shared) -> Result<Stamps, NamespaceError> {
    let mut stamps = load::<CaCertificate>(kept, shared)?;
    stamps.extend(load::<Client>(kept, shared)?);
    stamps.extend(load::<ClientGroup>(kept, shared)?);
    stamps.extend(load::<TopicSpace>(kept, shared)?);
    stamps.extend(load::<PermissionBinding>(kept, shared)?);
    Ok(stamps)
}

fn load<R: Resource>(kept: &Kept, shared: &Shared) -> Result<Stamps, NamespaceError> {
    let Some(disk) = &kept.disk else { return Ok(Vec::new()) };
    let mut stamps = Vec::new();
    for (path, value) in disk.all(R::KIND.segment())? {
        let (resource, stamp) = from_file::<R>(&path, &value)?;
        stamps.push(((R::KIND, resource.name().to_owned()), stamp));
        resource.apply(shared).map_err(|error| StateError::corrupt(&path, error))?;
    }
    Ok(stamps)
}

fn from_file<R: Resource>(path: &Path, value: &Value) -> Result<(R, Stamp), StateError> {
    let name = value.get("name").and_then(Value::as_str);
    let name = name.ok_or_else(|| StateError::corrupt(path, "it has no name"))?;
    let resource = R::read(name, value.get("properties").unwrap_or(&Value::Null));
    let resource = resource.map_err(|error| StateError::corrupt(path, error))?;
    let stamp = Stamp::from_file(value.get("at"));
    Ok((resource, stamp.ok_or_else(|| StateError::corrupt(path, "it says no time"))?))
}

impl Resource for Client {
    const KIND: ResourceKind = ResourceKind::Client;

    fn check(&self, shared: &Shared) -> Result<bool, ResourceError> {
        shared.broker.lock().directory().check_client(self)
    }

    fn apply(self, shared: &Shared) -> Result<bool, ResourceError> {
        shared.change(|broker, now| broker.put_client(self, now))
    }

    fn find(name: &str, shared: &Shared) -> Option<Self> {
        let name = ClientName::parse(name).ok()?;
        shared.broker.lock().directory().client(&name).map(|client| Self::clone(client))
    }

    fn look_at_names<T>(shared: &Shared, look: impl FnOnce(&mut dyn Iterator<Item = &str>) -> T) -> T {
        let broker = shared.broker.lock();
        look(&mut broker.directory().clients().map(|client| client.name.as_str()))
    }

    fn check_unused(_: &str, _: &Shared) -> Result<(), ResourceError> {
        Ok(())
    }

    fn withdraw(name: &str, shared: &Shared) {
        if let Ok(name) = ClientName::parse(name) {
            shared.change(|broker, now| broker.delete_client(&name, now));
        }
    }
}

impl Resource for CaCertificate {
    const KIND: ResourceKind = ResourceKind::CaCertificate;

    fn check(&self, shared: &Shared) -> Result<bool, ResourceError> {
        shared.authorities.lock().check(self)
    }

    fn apply(self, shared: &Shared) -> Result<bool, ResourceError> {
        shared.authorities.lock().put(self)
    }

    fn find(name: &str, shared: &Shared) -> Option<Self> {
        shared.authorities.lock().get(&ResourceName::parse(name).ok()?).cloned()
    }

    fn look_at_names<T>(shared: &Shared, look: impl FnOnce(&mut dyn Iterator<Item = &str>) -> T) -> T {
        let authorities = shared.authorities.lock();
        look(&mut authorities.iter().map(|certificate| certificate.name.as_str()))
    }

    fn check_unused(_: &str, _: &Shared) -> Result<(), ResourceError> {
        Ok(())
    }

    fn withdraw(name: &str, shared: &Shared) {
        if let Ok(name) = ResourceName::parse(name) {
            shared.authorities.lock().delete(&name);
        }
    }
}

/// The kinds of the directory but clients: they differ in the calls of the directory alone.
macro_rules! in_directory {
    ($($resource:ident: $check:ident, $put:ident, $get:ident, $all:ident, $unused:expr, $delete:expr, $built_in:expr;)*) => {$(
        impl Resource for $resource {
            const KIND: ResourceKind = ResourceKind::$resource;
            const BUILT_IN: &'static [(&'static str, &'static str)] = $built_in;

            fn check(&self, shared: &Shared) -> Result<bool, ResourceError> {
                shared.broker.lock().directory().$check(self)
            }

            fn apply(self, shared: &Shared) -> Result<bool, ResourceError> {
                shared.change(|broker, now| broker.change(now, |directory| directory.$put(self)))
            }

            fn find(name: &str, shared: &Shared) -> Option<Self> {
                let name = ResourceName::parse(name).ok()?;
                let broker = shared.broker.lock();
                let found = broker.directory().$get(&name)?;
                Some(Self::clone(found))
            }

            fn look_at_names<T>(
                shared: &Shared,
                look: impl FnOnce(&mut dyn Iterator<Item = &str>) -> T,
            ) -> T {
                let broker = shared.broker.lock();
                look(&mut broker.directory().$all().map(|each| each.name.as_str()))
            }

            fn check_unused(name: &str, shared: &Shared) -> Result<(), ResourceError> {
                let Ok(name) = ResourceName::parse(name) else { return Ok(()) };
                $unused(shared.broker.lock().directory(), &name)
            }

            fn withdraw(name: &str, shared: &Shared) {
                let Ok(name) = ResourceName::parse(name) else { return };
                // Whether it is used was checked.
                shared.change(|broker, now| broker.change(now, |directory| {
                    let _ = $delete(directory, &name);
                }));
            }
        }
    )*};
}

use crate::resources::Directory;

in_directory! {
    ClientGroup: check_group, put_group, group, groups, Directory::check_group_unused, Directory::delete_group,
        &[(GroupRef::EVERYBODY, "Every client.")];
    TopicSpace: check_topic_space, put_topic_space, topic_space, topic_spaces,
        Directory::check_topic_space_unused, Directory::delete_topic_space, &[];
    PermissionBinding: check_binding, put_binding, binding, bindings, |_: &Directory, _: &ResourceName| Ok(()),
        |directory: &mut Directory, name: &ResourceName| directory.delete_binding(name), &[];
}
