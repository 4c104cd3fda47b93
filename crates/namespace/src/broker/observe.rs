//! What programs that watch the namespace see of clients: their groups and sessions, and what they may do.

use std::sync::Arc;

use azmqtt_mqtt::Version;

use super::session::{Identity, Link, Session};
use super::state::Broker;
use crate::access::{Action, Denial, Groups, Verdict};
use crate::attributes::Attributes;
use crate::behaviours::DollarTopics;
use crate::names::{AuthenticationName, GroupRef};
use crate::principal::{Principal, Standing};
use crate::resources::Client;
use crate::topic::is_hidden;

/// The number of subscriptions after which [`Broker::clients`] stops: it copies them while the broker is locked.
const MAX_FILTERS: usize = 5_000;

/// A client that has a resource or a session.
#[derive(Debug)]
pub struct ClientView {
    /// The identity of the client.
    pub identity: Identity,
    /// Its resource, if it has one.
    pub resource: Option<Arc<Client>>,
    /// Its sessions.
    pub sessions: Vec<SessionView>,
}

/// A session, connected or not.
#[derive(Debug)]
pub struct SessionView {
    /// The client identifier.
    pub client_id: Arc<str>,
    /// The number and protocol version of its connection, if it is connected.
    pub online: Option<(u64, Version)>,
    /// What it has subscribed to.
    pub filters: Vec<Box<str>>,
    /// How many messages wait for it.
    pub queued: usize,
    /// The size of the messages that are sent and not acknowledged, in bytes.
    pub in_flight: usize,
}

/// What a client may do.
#[derive(Debug)]
pub struct Judgement {
    /// The name that it shows.
    pub name: AuthenticationName,
    /// The groups to which it belongs; roles know none.
    pub groups: Vec<GroupRef>,
    /// Whether it may do it.
    pub verdict: Verdict,
}

impl Broker {
    /// The clients whose folded names come after `after`, in order: at most `most`, and fewer if they have many
    /// subscriptions. The time does not depend on the number of all clients.
    pub fn clients(&self, after: &str, most: usize) -> Vec<ClientView> {
        let resources = self.directory.clients_after(after).map(|client| &client.principal.name);
        let sessions = self.sessions.names_after(after);
        let mut names: Vec<_> = resources.take(most).chain(sessions.take(most)).collect();
        names.sort_unstable();
        names.dedup();
        names.truncate(most);
        let mut room = MAX_FILTERS;
        let views = names.into_iter().filter_map(|name| self.client(name));
        let views = views.take_while(|view| {
            let had_room = room > 0;
            room = room.saturating_sub(view.subscriptions());
            had_room
        });
        views.collect()
    }

    /// The client with this name, if it has a resource or a session.
    pub fn client(&self, name: &AuthenticationName) -> Option<ClientView> {
        let identity = self.identity_of(name)?;
        let resource = self.directory.client_of(name).cloned();
        let keys = self.sessions.of_name(name).iter();
        let sessions: Vec<_> = keys.filter_map(|key| self.sessions.get(*key)).map(SessionView::of).collect();
        let is_there = resource.is_some() || !sessions.is_empty();
        is_there.then_some(ClientView { identity, resource, sessions })
    }

    /// The client groups.
    pub fn groups(&self) -> &Groups {
        self.access.groups()
    }

    /// Whether the client of this name may do that; `None` if it is unknown.
    pub fn may(&self, name: &AuthenticationName, action: Action<'_>) -> Option<Judgement> {
        let identity = self.identity_of(name)?;
        let groups = self.groups().of(&identity.principal, identity.standing);
        let verdict = self.judge(&identity, action);
        Some(Judgement { name: identity.principal.name.clone(), groups, verdict })
    }

    /// Whether this client may do that, and why.
    pub(super) fn judge(&self, identity: &Identity, action: Action<'_>) -> Verdict {
        let Identity { principal, standing } = identity;
        let resource = self.directory.client_of(&principal.name);
        let is_disabled =
            *standing == Standing::Resource && resource.is_some_and(|client| !client.is_enabled);
        let refuses_dollar = self.behaviours.dollar_topics == DollarTopics::Refused;
        if is_disabled {
            Verdict::Denied(Denial::Disabled)
        } else if refuses_dollar && action.topic().is_ok_and(is_hidden) {
            Verdict::Denied(Denial::Dollar)
        } else {
            self.access.may(principal, *standing, action)
        }
    }

    /// The identity with this name: of a connected client first, then of a client resource, of a disconnected session, or of
    /// an identity with roles.
    fn identity_of(&self, name: &AuthenticationName) -> Option<Identity> {
        let sessions = || self.sessions.of_name(name).iter().filter_map(|key| self.sessions.get(*key));
        let known = |session: &Session| session.identity.clone();
        let resource = || {
            let principal = self.directory.client_of(name)?.principal.clone();
            Some(Identity { principal, standing: Standing::Resource })
        };
        let with_roles = || {
            let principal = Principal { name: name.clone(), attributes: Attributes::default() };
            Identity { principal: Arc::new(principal), standing: Standing::Roles }
        };
        let online = sessions().find(|session| session.is_online()).map(known);
        online
            .or_else(resource)
            .or_else(|| sessions().next().map(known))
            .or_else(|| self.access.has_roles(name).then(with_roles))
    }
}

impl ClientView {
    /// The name that it shows.
    pub fn name(&self) -> &AuthenticationName {
        &self.identity.principal.name
    }

    /// How many subscriptions its sessions have.
    pub fn subscriptions(&self) -> usize {
        self.sessions.iter().map(|session| session.filters.len()).sum()
    }
}

impl SessionView {
    fn of(session: &Session) -> Self {
        let (online, in_flight) = match &session.link {
            Link::Online(online) => (Some((online.number, online.server.version())), online.in_flight),
            Link::Offline(offline) => (None, offline.in_flight),
        };
        Self {
            client_id: session.client_id.clone(),
            online,
            filters: session.filters.clone(),
            queued: session.queue.len(),
            in_flight,
        }
    }
}
