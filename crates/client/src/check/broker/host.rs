//! Whose a broker is, by its host and by how a client authenticates.

use crate::claims::{CUSTOM, ENTRA, SERVICE_ACCOUNT};
use crate::managed::Config;

/// The end of the names of Event Grid's hosts.
const EVENT_GRID: &str = ".eventgrid.azure.net";
/// What stands before it in the name of a namespace's host for MQTT.
const TOPIC_SPACES: &str = ".ts";
/// What a cluster calls the broker of IoT Operations, alone or with the namespace behind it.
const IOT_OPERATIONS: &str = "aio-broker";

/// Whose ways advice goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    EventGrid,
    IotOperations,
    Unknown,
}

impl Owner {
    /// Judges by the host name, and by the method: a custom domain, or a host outside of the cluster, has any name.
    pub(super) fn of(config: &Config) -> Self {
        let host = &config.broker.endpoint().host;
        if event_grid(host).is_some() {
            return Self::EventGrid;
        }
        match config.authenticator.as_ref().map(|authenticator| authenticator.method()) {
            Some(ENTRA | CUSTOM) => Self::EventGrid,
            Some(SERVICE_ACCOUNT) => Self::IotOperations,
            _ if is_iot_operations(host) => Self::IotOperations,
            _ => Self::Unknown,
        }
    }
}

/// What to use in place of a namespace's host for HTTP, whose name lacks the `.ts`.
pub(super) fn wrong_host(host: &str) -> Option<String> {
    let name = event_grid(host)?;
    (!name.ends_with(TOPIC_SPACES)).then(|| {
        format!(
            "{host} is the namespace's host for HTTP; its MQTT broker is at {name}{TOPIC_SPACES}{EVENT_GRID} \
             (topicSpacesConfiguration.hostname)"
        )
    })
}

fn event_grid(host: &str) -> Option<String> {
    host.to_ascii_lowercase().strip_suffix(EVENT_GRID).map(str::to_owned)
}

fn is_iot_operations(host: &str) -> bool {
    host.split('.').next().is_some_and(|name| name.eq_ignore_ascii_case(IOT_OPERATIONS))
}

#[cfg(test)]
mod tests {
    use azmqtt_net::{ConnectDeadlines, Endpoint};

    use super::*;
    use crate::broker::Broker;

    #[test]
    fn hosts_of_namespaces() {
        let (mqtt, http) = ("ns.westeurope-1.ts.eventgrid.azure.net", "Ns.westeurope-1.eventgrid.azure.net");
        assert!(wrong_host(http).unwrap().contains(mqtt));
        assert_eq!((wrong_host(mqtt), wrong_host("localhost")), (None, None));
    }

    #[test]
    fn an_owner_is_known_by_the_host() {
        for (host, owner) in [
            ("Ns.westeurope-1.ts.eventgrid.azure.net", Owner::EventGrid),
            ("ns.westeurope-1.eventgrid.azure.net", Owner::EventGrid),
            ("eventgrid.azure.net.example", Owner::Unknown),
            ("aio-broker", Owner::IotOperations),
            ("AIO-Broker.azure-iot-operations.svc.cluster.local", Owner::IotOperations),
            ("my-aio-broker", Owner::Unknown),
            ("localhost", Owner::Unknown),
        ] {
            let broker = Broker::plain(Endpoint::new(host, 1883), ConnectDeadlines::default());
            assert_eq!(Owner::of(&Config::new(broker, "one")), owner, "{host}");
        }
    }
}
