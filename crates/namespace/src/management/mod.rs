//! The management API: the resources of a namespace as Azure Resource Manager shows them, so that its SDKs and the shell commands of
//! Azure work (Azure REST API, Event Grid, "Namespaces" and what is below).
//!
//! | module | subject |
//! |---|---|
//! | `address`, `version` | one spelling of each path; the versions of the API |
//! | `query`, `filter` | the parameters of an address; pages of lists, and which names are wanted |
//! | `request`, `answer` | who asks, about what, with which body; answers and errors |
//! | `namespaces`, `children` | the namespace itself; what is in it |
//! | `surroundings` | the resource group, and the provider, as much as clients ask for |
//! | `progress` | how answers lead to long-running operations |
//! | `faults`, `watch`, `clients`, `page` | what the service does not have: faults on demand, what happens in the namespace, who may do what, the page |

mod address;
mod answer;
mod children;
mod clients;
mod faults;
mod filter;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod namespaces;
mod page;
mod progress;
mod query;
mod request;
mod surroundings;
mod version;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use crate::shared::Shared;
use answer::Refusal;

pub use address::canonical;

/// The routes, to be nested at [`ROOT`].
pub fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    const PROVIDER: &str = "/{subscription}/providers/Microsoft.EventGrid";
    const GROUP: &str = "/{subscription}/resourceGroups/{group}";
    const IN_GROUP: &str = "/{subscription}/resourceGroups/{group}/providers/Microsoft.EventGrid/namespaces";
    let namespace = format!("{IN_GROUP}/{{namespace}}");
    Router::new()
        .merge(namespaces::routes(
            &namespace,
            [IN_GROUP, "/{subscription}/providers/Microsoft.EventGrid/namespaces"],
        ))
        .merge(children::routes(&namespace))
        .merge(progress::routes(PROVIDER))
        .merge(surroundings::routes(GROUP, PROVIDER))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(shared.clone(), request::guard))
}

/// What its addresses begin with.
pub const ROOT: &str = "/subscriptions";

/// The routes that the service does not have, to be nested at [`OWN_ROOT`].
pub fn own_router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    faults::routes()
        .merge(watch::routes())
        .merge(clients::routes())
        .merge(page::routes())
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(shared.clone(), request::guard))
        .merge(page::open_routes())
}

/// `/metrics`, and `/health`, which is for anybody.
pub fn numbers(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/metrics", get(watch::metrics))
        .route_layer(from_fn_with_state(shared.clone(), request::guard))
        .route("/health", get(watch::health))
}

/// What their addresses begin with.
pub const OWN_ROOT: &str = "/azmqtt";

async fn unknown(uri: Uri) -> Refusal {
    let path = request::cut(uri.path());
    let message = format!("The resource type of '{path}' is not one that the local namespace knows.");
    Refusal::not_found("InvalidResourceType", message)
}

async fn not_allowed(method: Method) -> Refusal {
    let message = format!("The resource does not support the method '{method}'.");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
}
