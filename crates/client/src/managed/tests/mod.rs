//! A client against brokers of which a test writes every packet, and against Mosquitto, over real sockets.

mod authenticating;
mod bad_days;
mod closing;
mod connecting;
mod limits;
mod mosquitto;
mod neighbours;
mod publishing;
mod qos2;
mod receiving;
mod requesting;
mod subscribing;
mod support;
