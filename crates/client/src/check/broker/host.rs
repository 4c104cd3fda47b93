//! Whose a host is, by its name.

/// The end of the names of Event Grid's hosts.
const EVENT_GRID: &str = ".eventgrid.azure.net";
/// What stands before it in the name of a namespace's host for MQTT.
const TOPIC_SPACES: &str = ".ts";

/// Whether a host is an Event Grid namespace's for MQTT, `NAMESPACE.REGION-1.ts.eventgrid.azure.net`.
pub(super) fn is_event_grid(host: &str) -> bool {
    event_grid(host).is_some_and(|name| name.ends_with(TOPIC_SPACES))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_namespaces() {
        let (mqtt, http) = ("ns.westeurope-1.ts.eventgrid.azure.net", "Ns.westeurope-1.eventgrid.azure.net");
        assert!(is_event_grid(mqtt) && !is_event_grid(http) && !is_event_grid("localhost"));
        assert!(wrong_host(http).unwrap().contains(mqtt));
        assert_eq!((wrong_host(mqtt), wrong_host("localhost")), (None, None));
    }
}
