//! Clients with their sessions, and what they may do. The service has no such API.
//!
//! | request | answer |
//! |---|---|
//! | `GET /azmqtt/clients?after=NAME` | 200, the clients that have resources or sessions, sorted by name; at most 10,000 |
//! | `GET /azmqtt/clients?client=NAME` | 200, only the client with this name; empty if there is none |
//! | `GET /azmqtt/access?client=NAME&publish=TOPIC` or `&subscribe=FILTER` | 200, whether it may, and which permission bindings allow it or why it is denied; 404 for an unknown client |

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use azmqtt_mqtt::Version;
use serde_json::{Value, json};

use super::answer::{JsonBody, Refusal};
use super::query::Query;
use super::request::{cut, off_thread};
use crate::access::{Action, Grounds, Groups, Source, Verdict};
use crate::broker::{Broker, ClientView, Judgement, SessionView};
use crate::names::{AuthenticationName, ClientName, GroupRef, ResourceName};
use crate::shared::Shared;

/// The most clients in one answer.
const MAX_CLIENTS: usize = 10_000;

/// The number of subscriptions after which an answer ends.
const MAX_SUBSCRIPTIONS: usize = 50_000;

/// The most clients that are read while the broker is locked.
const AT_ONCE: usize = 250;

/// The routes, below [`super::OWN_ROOT`].
pub fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/clients", get(clients)).route("/access", get(access))
}

async fn clients(State(shared): State<Arc<Shared>>, query: Query) -> Result<JsonBody, Refusal> {
    query.check_names(&["after", "client"])?;
    let shown = match (query.get("client"), query.get("after")) {
        (Some(_), Some(_)) => {
            return Err(invalid("Pass at most one of the parameters client and after."));
        }
        (Some(client), None) => {
            let broker = shared.broker.lock();
            let found = find(&broker, client, |name| broker.client(name))?;
            let groups = broker.groups().clone();
            drop(broker);
            found.iter().map(|view| show_client(view, &groups)).collect()
        }
        (None, after) => {
            let after = after.unwrap_or_default().to_lowercase();
            off_thread(&shared, move |shared| Ok(list(shared, after))).await?
        }
    };
    Ok(JsonBody(StatusCode::OK, shown))
}

/// The clients whose folded names come after `after`. The broker is unlocked between batches.
fn list(shared: &Shared, mut after: String) -> Value {
    let (mut shown, mut subscriptions) = (Vec::new(), 0);
    while shown.len() < MAX_CLIENTS && subscriptions < MAX_SUBSCRIPTIONS {
        let broker = shared.broker.lock();
        let views = broker.clients(&after, AT_ONCE.min(MAX_CLIENTS - shown.len()));
        let groups = broker.groups().clone();
        drop(broker);
        let Some(last) = views.last() else { break };
        last.name().folded().clone_into(&mut after);
        subscriptions += views.iter().map(ClientView::subscriptions).sum::<usize>();
        shown.extend(views.iter().map(|view| show_client(view, &groups)));
    }
    shown.into()
}

async fn access(State(shared): State<Arc<Shared>>, query: Query) -> Result<JsonBody, Refusal> {
    query.check_names(&["client", "publish", "subscribe"])?;
    let given = |name| query.get(name).filter(|value| !value.is_empty());
    let client = given("client").ok_or_else(|| invalid("The parameter client is missing."))?;
    let action = match (given("publish"), given("subscribe")) {
        (Some(topic), None) => Action::Publish(topic),
        (None, Some(filter)) => Action::Subscribe(filter),
        _ => return Err(invalid("Pass exactly one of the parameters publish and subscribe.")),
    };
    let broker = shared.broker.lock();
    let judgement = find(&broker, client, |name| broker.may(name, action))?;
    drop(broker);
    let judgement = judgement.ok_or_else(|| {
        let message = format!("The client '{}' has no resource, session or role.", cut(client));
        Refusal::not_found("ResourceNotFound", message)
    })?;
    Ok(JsonBody(StatusCode::OK, show_judgement(&judgement)))
}

/// Looks up the client with this authentication name, or else the client whose resource has this name.
fn find<T>(
    broker: &Broker,
    client: &str,
    of: impl Fn(&AuthenticationName) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    let name = AuthenticationName::parse(client).map_err(|error| invalid(&format!("client: {error}")))?;
    let of_resource = || {
        let resource = broker.directory().client(&ClientName::parse(client).ok()?)?;
        of(&resource.principal.name)
    };
    Ok(of(&name).or_else(of_resource))
}

fn invalid(message: &str) -> Refusal {
    Refusal::bad_request("InvalidRequest", message)
}

fn show_client(view: &ClientView, groups: &Groups) -> Value {
    let (resource, identity) = (view.resource.as_ref(), &view.identity);
    json!({
        "client": view.name().as_str(),
        "resource": resource.map(|client| client.name.as_str()),
        "enabled": resource.map(|client| client.is_enabled),
        "groups": show_groups(&groups.of(&identity.principal, identity.standing)),
        "sessions": view.sessions.iter().map(show_session).collect::<Value>(),
    })
}

fn show_session(view: &SessionView) -> Value {
    let mut shown = json!({
        "session": &*view.client_id,
        "connected": view.online.is_some(),
        "connection": view.online.map(|(number, _)| number),
        "subscriptions": view.filters.iter().map(|filter| &**filter).collect::<Value>(),
        "queued": view.queued,
        "in_flight_bytes": view.in_flight,
    });
    if let Some((_, version)) = view.online {
        shown["protocol"] = match version {
            Version::Mqtt311 => "3.1.1".into(),
            Version::Mqtt5 => "5.0".into(),
        };
    }
    shown
}

fn show_judgement(judgement: &Judgement) -> Value {
    let (client, groups) = (judgement.name.as_str(), show_groups(&judgement.groups));
    match &judgement.verdict {
        Verdict::Allowed(grounds) => json!({
            "allowed": true,
            "client": client,
            "groups": groups,
            "by": grounds.iter().map(show_grounds).collect::<Value>(),
        }),
        Verdict::Denied(denial) => json!({
            "allowed": false,
            "client": client,
            "groups": groups,
            "reason": denial.to_string(),
            "advice": denial.advice(),
            "topic_spaces": denial.topic_spaces().iter().map(ResourceName::as_str).collect::<Value>(),
        }),
    }
}

fn show_grounds(grounds: &Grounds) -> Value {
    let mut shown =
        json!({ "topic_space": grounds.topic_space.as_str(), "topic_template": &grounds.template });
    match &grounds.source {
        Source::Binding { name, group } => {
            shown["permission_binding"] = name.as_str().into();
            shown["client_group"] = group.to_string().into();
        }
        Source::Role(permission) => shown["role"] = permission.role_name().into(),
    }
    shown
}

fn show_groups(groups: &[GroupRef]) -> Value {
    groups.iter().map(GroupRef::to_string).collect()
}
