//! The kinds of items that the hub sends.

use std::time::Duration;

use super::streams::{Stream, Streams};
use crate::handle::Device;
use crate::inbox::{CloudMessage, Delivery, Inbox};
use crate::reply::Reply;
use crate::session::desired::DesiredPatch;
use crate::session::methods::MethodRequest;

/// What a [`Receiver`](super::Receiver) can receive. Only this crate can add a kind.
pub trait Incoming: Sized + Send + Sync + 'static {
    /// Where items of this kind come from.
    fn inbox(device: &Device) -> &Inbox<Self>;
    /// Where they wait for their receivers.
    fn stream(streams: &Streams) -> &Stream<Self>;
    /// Asks the hub for them.
    fn subscribe(device: &Device, timeout: Duration, reply: Reply<()>);
    /// What to acknowledge once the application is done with this one.
    fn delivery(&self) -> Option<Delivery> {
        None
    }
}

impl Incoming for CloudMessage {
    fn inbox(device: &Device) -> &Inbox<Self> {
        device.messages()
    }

    fn stream(streams: &Streams) -> &Stream<Self> {
        &streams.messages
    }

    fn subscribe(device: &Device, timeout: Duration, reply: Reply<()>) {
        device.watch_messages(timeout, reply);
    }

    fn delivery(&self) -> Option<Delivery> {
        self.delivery
    }
}

impl Incoming for DesiredPatch {
    fn inbox(device: &Device) -> &Inbox<Self> {
        device.desired()
    }

    fn stream(streams: &Streams) -> &Stream<Self> {
        &streams.desired
    }

    fn subscribe(device: &Device, timeout: Duration, reply: Reply<()>) {
        device.watch_desired(timeout, reply);
    }
}

impl Incoming for MethodRequest {
    fn inbox(device: &Device) -> &Inbox<Self> {
        device.methods()
    }

    fn stream(streams: &Streams) -> &Stream<Self> {
        &streams.methods
    }

    fn subscribe(device: &Device, timeout: Duration, reply: Reply<()>) {
        device.watch_methods(timeout, reply);
    }
}
