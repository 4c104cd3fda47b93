//! What devices do over HTTPS in place of MQTT: send messages, fetch those that wait for them. They show a token of their
//! own, one of the hub's with `DeviceConnect`, or their certificate.

mod device_bound;
mod events;

use std::sync::Arc;

use axum::Router;

use crate::shared::Shared;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().merge(events::routes()).merge(device_bound::routes())
}
