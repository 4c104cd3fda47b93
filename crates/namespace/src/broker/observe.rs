//! What programs that watch the namespace see of clients: their groups and sessions, and what they may do.

use std::sync::Arc;

use azmqtt_mqtt::Version;

use super::session::{Identity, Link, Session};
use super::state::Broker;
use crate::access::{Action, Denial, Verdict};
use crate::attributes::Attributes;
use crate::behaviours::DollarTopics;
use crate::names::{AuthenticationName, GroupRef};
use crate::principal::{Principal, Standing};
use crate::resources::Client;
use crate::topic::is_hidden;

/// Subscriptions after which a list of clients ends.
const MAX_FILTERS: usize = 50_000;

/// A client that has a resource or a session.
#[derive(Debug)]
pub struct ClientView {
    /// The name that it shows.
    pub name: AuthenticationName,
    /// Its resource, if it has one.
    pub resource: Option<Arc<Client>>,
    /// The groups to which it belongs; roles know none.
    pub groups: Vec<GroupRef>,
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
    /// subscriptions.
    pub fn clients(&self, after: &str, most: usize) -> Vec<ClientView> {
        let resources = self.directory.clients().map(|client| &client.principal.name);
        let mut names: Vec<_> = resources.chain(self.sessions.names()).collect();
        names.retain(|name| name.folded() > after);
        names.sort_unstable_by_key(|name| name.folded());
        names.dedup();
        names.truncate(most);
        let mut room = MAX_FILTERS;
        let views = names.into_iter().map(|name| self.client_view(name));
        let views = views.take_while(|view| {
            let had_room = room > 0;
            room = room.saturating_sub(view.sessions.iter().map(|session| session.filters.len()).sum());
            had_room
        });
        views.collect()
    }

    /// Whether the client of this name may do that; `None` if it is unknown.
    pub fn may(&self, name: &AuthenticationName, action: Action<'_>) -> Option<Judgement> {
        let identity = self.identity_of(name)?;
        let groups = self.access.groups_of(&identity.principal, identity.standing);
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

    fn client_view(&self, name: &AuthenticationName) -> ClientView {
        let keys = self.sessions.of_name(name).iter();
        let groups = self.identity_of(name).map(|of| self.access.groups_of(&of.principal, of.standing));
        ClientView {
            name: name.clone(),
            resource: self.directory.client_of(name).cloned(),
            groups: groups.unwrap_or_default(),
            sessions: keys.filter_map(|key| self.sessions.get(*key)).map(SessionView::of).collect(),
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
