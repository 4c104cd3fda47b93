//! Who may use a route.

use std::sync::Arc;

use axum::http::request::Parts;

use super::admission::{Asker, CALLER};
use super::answer::{Refusal, Spelling};
use super::caller::Caller;
use super::owner;
use super::paths::identity;
use crate::id::Id;
use crate::security::policies::Right;
use crate::shared::Shared;

/// Whom a route is for. Everybody else is refused before the handler is called, and before the body is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    who: Who,
    /// Refusals are spelled [`Spelling::Nested`].
    nested: bool,
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Anybody,
    Owner,
    Policy(Right),
    PolicyOfAnyVersion(Right),
    PolicyOrSelf(Right),
    Modules(Right),
    PolicyOrModule(Right),
    Device,
    ProvisioningOwner,
}

impl Access {
    const fn of(who: Who) -> Self {
        Self { who, nested: false }
    }

    /// For all: the handler judges what no header shows, such as a signature in the query.
    pub(super) const fn anybody() -> Self {
        Self::of(Who::Anybody)
    }

    /// For holders of the key of a policy that has every right.
    pub(super) const fn owner() -> Self {
        Self::of(Who::Owner)
    }

    /// For holders of a policy's key with that right.
    pub(super) const fn policy(right: Right) -> Self {
        Self::of(Who::Policy(right))
    }

    /// For these, whether they name a version of the API or not: what is this hub's own has none.
    pub(super) const fn policy_of_any_version(right: Right) -> Self {
        Self::of(Who::PolicyOfAnyVersion(right))
    }

    /// For these, and for the device of the path.
    pub(super) const fn policy_or_self(right: Right) -> Self {
        Self::of(Who::PolicyOrSelf(right))
    }

    /// For the same, about the modules of the path's device, which has to be there and enabled.
    pub(super) const fn modules(right: Right) -> Self {
        Self::of(Who::Modules(right))
    }

    /// For holders of a policy's key with that right, and for the module that `x-ms-edge-moduleId` names.
    pub(super) const fn policy_or_module(right: Right) -> Self {
        Self::of(Who::PolicyOrModule(right))
    }

    /// For the device of the path; the handler gets it as [`Admitted`](super::admission::Admitted).
    pub(super) const fn device() -> Self {
        Self::of(Who::Device)
    }

    /// For holders of the provisioning service's policy, who speak a version of its API.
    pub(super) const fn provisioning_owner() -> Self {
        Self::of(Who::ProvisioningOwner)
    }

    /// With refusals in the form that answers about methods have.
    pub(super) const fn nested(self) -> Self {
        Self { nested: true, ..self }
    }

    /// Judges the head of a request.
    pub(super) fn check(self, shared: &Arc<Shared>, parts: &mut Parts) -> Result<(), Refusal> {
        let checked = self.who.check(shared, parts);
        if self.nested { checked.map_err(|refusal| refusal.spelled(Spelling::Nested)) } else { checked }
    }
}

impl Who {
    fn check(self, shared: &Arc<Shared>, parts: &mut Parts) -> Result<(), Refusal> {
        let device_id = || identity(parts.uri.path()).map(|(device, _)| device).unwrap_or_default();
        match self {
            Self::Anybody => Ok(()),
            Self::Owner => Caller::of(shared, parts.uri.query(), &parts.headers)?.require_owner(),
            Self::Policy(right) => Caller::from_parts(parts, shared)?.require(right),
            Self::PolicyOfAnyVersion(right) => Caller::of_any_version(shared, &parts.headers)?.require(right),
            Self::PolicyOrSelf(right) => {
                Caller::from_parts(parts, shared)?.require_or_be(right, &device_id())
            }
            Self::Modules(right) => {
                let device_id = device_id();
                Caller::from_parts(parts, shared)?.require_or_be(right, &device_id)?;
                // A device that is not there, or disabled, has no modules to manage: the caller is refused, whatever the
                // policy.
                let refuse =
                    |reason: &str| Err(Refusal::unauthorized(shared, reason).spelled(Spelling::Nested));
                match shared.registry.find(&*device_id) {
                    Some(device) if device.may_connect() => Ok(()),
                    Some(_) => refuse("the device of the module is disabled"),
                    None => refuse("unknown device"),
                }
            }
            Self::PolicyOrModule(right) => {
                let Some(module) = parts.headers.get(CALLER) else {
                    return Caller::of(shared, parts.uri.query(), &parts.headers)?.require(right);
                };
                let module = module.to_str().ok().and_then(|module| module.split_once('/')).map(Id::from);
                let nobody = || Refusal::unauthorized(shared, "x-ms-edge-moduleId does not name a module");
                Asker::of(parts).admit(shared, module.ok_or_else(nobody)?).map(drop)
            }
            Self::Device => {
                let admitted = Asker::of(parts).admit(shared, Id::from(&device_id()))?;
                parts.extensions.insert(admitted);
                Ok(())
            }
            Self::ProvisioningOwner => owner::check(shared, parts),
        }
    }
}
