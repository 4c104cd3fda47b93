//! The device against a scripted hub, and its parts without one.

mod support;

mod batch;
mod bulk;
mod certificates;
mod check;
mod close;
mod cloud;
mod connect;
mod credentials;
mod desired;
mod diagnostics;
mod disconnect;
mod https;
mod inbox;
mod incoming;
mod keep_alive;
mod limits;
mod lost_connection;
mod methods;
mod pressure;
mod provisioning;
mod proxies;
mod proxy_peer;
mod renewal;
mod requests;

mod sending;
mod signers;
mod soak;
mod socks5;
mod standing;
mod transport_matrix;
mod twin;
mod twin_session;
mod watch;

mod websocket;
