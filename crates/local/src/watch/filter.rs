//! Which entries a reader wants.

/// What a request filters by. Without any, every entry is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// A device, with its modules; of a namespace a client.
    pub who: Option<String>,
    /// One module of that device.
    pub module: Option<String>,
    /// Types of events: whole (`twin.reported`), or by their first word (`twin`).
    pub types: Vec<String>,
    /// The topic filter of MQTT that a message's topic matches.
    pub topic: Option<String>,
}

impl Filter {
    /// Whether what happened to this device or module, or to nobody in particular, is wanted.
    pub fn takes_who(&self, who: Option<&str>, module: Option<&str>) -> bool {
        self.who.as_deref().is_none_or(|wanted| who == Some(wanted))
            && self.module.as_deref().is_none_or(|wanted| module == Some(wanted))
    }

    /// Whether what a client with this id did is wanted: `{device}` or `{device}/{module}`.
    pub fn takes_client_id(&self, client_id: &str) -> bool {
        // A slash may be a part of a client's own name.
        let of_module = client_id
            .split_once('/')
            .is_some_and(|(device, module)| self.takes_who(Some(device), Some(module)));
        of_module || self.takes_who(Some(client_id), None)
    }

    /// Whether events of this type are wanted.
    pub fn takes_type(&self, name: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|wanted| is_of(name, wanted))
    }
}

/// Whether a type is the one that is asked for, or one of its family.
pub(super) fn is_of(name: &str, wanted: &str) -> bool {
    let rest = name.strip_prefix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
