//! What came in for the application, shared by every receiver of it.

use crate::inbox::{CloudMessage, Delivery};
use crate::session::desired::DesiredPatch;
use crate::session::methods::MethodRequest;

/// The items of one kind.
pub type Stream<T> = azmqtt_client::stream::Stream<T, Delivery>;

/// The items of every kind.
#[derive(Debug, Default)]
pub struct Streams {
    pub(crate) messages: Stream<CloudMessage>,
    pub(crate) desired: Stream<DesiredPatch>,
    pub(crate) methods: Stream<MethodRequest>,
}
