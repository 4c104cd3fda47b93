//! What devices do over HTTPS in place of MQTT: send messages, fetch those that wait for them. They show a token of their
//! own, one of the hub's with `DeviceConnect`, or their certificate.

mod device_bound;
mod events;

use super::route::Routes;

pub(super) fn routes(routes: Routes) -> Routes {
    device_bound::routes(events::routes(routes))
}
