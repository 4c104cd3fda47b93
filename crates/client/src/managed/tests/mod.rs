//! A client against brokers of which a test writes every packet, and against Mosquitto, over real sockets.

mod closing;
mod connecting;
mod publishing;
mod receiving;
mod subscribing;
mod support;
