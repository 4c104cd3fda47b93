//! What applications ask of a running hub about modules (IoT Hub docs, "Understand and use module twins"; IoT Edge
//! docs, "Learn how to deploy modules and establish routes"). Calls that are for devices and modules alike are in
//! `devices`.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::Hub;
use crate::error::HubError;
use crate::messages::cloud_messages::{CloudMessage, MAX_INPUTS};
use crate::registry::credentials::Authentication;
use crate::unix_time::unix_now;
use azmqtt_dialect::sas::SymmetricKey;
use azmqtt_dialect::{MAX_MESSAGE_SIZE, MessageProperties};

/// How long a gateway keeps a message for a module (IoT Edge docs, "store and forward": `timeToLiveSecs`).
const INPUT_LIFE: Duration = Duration::from_secs(7200);

impl Hub {
    /// Makes a module of a device, with keys and a twin of its own. Without a primary key it gets a random one; the
    /// secondary is always random.
    pub fn create_module(
        &self,
        device_id: &str,
        module_id: &str,
        key: Option<SymmetricKey>,
    ) -> Result<(), HubError> {
        self.create((device_id, module_id), key, Authentication::Sas)
    }

    /// Makes a module that authenticates with a certificate; its name there is `device/module`.
    pub fn create_x509_module(
        &self,
        device_id: &str,
        module_id: &str,
        how: Authentication,
    ) -> Result<(), HubError> {
        self.create((device_id, module_id), None, how)
    }

    /// Whether there is such a module.
    pub fn has_module(&self, device_id: &str, module_id: &str) -> bool {
        self.shared.registry.find((device_id, module_id)).is_some()
    }

    /// The ids of a device's modules, in order.
    pub fn module_ids(&self, device_id: &str) -> Result<Vec<String>, HubError> {
        let modules = self.shared.registry.modules(device_id)?;
        Ok(modules.iter().filter_map(|module| module.module_id.clone()).collect())
    }

    /// Forgets a module; its connection ends.
    pub fn remove_module(&self, device_id: &str, module_id: &str) -> Result<(), HubError> {
        self.remove((device_id, module_id).into())
    }

    /// Queues a message to an input of a module, as the routes of an IoT Edge gateway do: delivered when the module is
    /// connected and subscribed, and kept for two hours as long as the hub runs. Unless `properties` say otherwise it comes from the module's own device.
    ///
    /// # Errors
    /// [`HubError::InputName`], [`HubError::MessageTooLarge`] over 256 KB, [`HubError::TopicTooLong`] when its
    /// properties, encoded, have more than 64 KiB, [`HubError::QueueFull`] when 1,024 wait.
    pub fn send_to_input(
        &self,
        device_id: &str,
        module_id: &str,
        input: &str,
        body: Bytes,
        mut properties: MessageProperties,
    ) -> Result<(), HubError> {
        self.check_running()?;
        let module = self.shared.registry.get((device_id, module_id))?;
        check_input(input).map_err(HubError::InputName)?;
        let size = properties.size(body.len());
        if size > MAX_MESSAGE_SIZE {
            return Err(HubError::MessageTooLarge { size, limit: MAX_MESSAGE_SIZE });
        }
        properties.connection_device_id.get_or_insert_with(|| device_id.to_owned());
        let enqueued = unix_now();
        let message = CloudMessage {
            body,
            bag: properties.to_bag(),
            enqueued,
            expires: Instant::now() + INPUT_LIFE,
            expires_unix: enqueued.saturating_add(INPUT_LIFE.as_secs()),
            deliveries: 0,
            input: Some(input.to_owned()),
            sequence: 0,
        };
        message.check_topic(module.key())?;
        let pushed = self.shared.registry.change_queue(&module, |queue| queue.push(message).map(drop));
        pushed.ok_or_else(|| HubError::QueueFull { device_id: module.key().to_string(), limit: MAX_INPUTS })
    }

    /// Messages to inputs that the module has not acknowledged.
    pub fn pending_inputs(&self, device_id: &str, module_id: &str) -> Result<usize, HubError> {
        Ok(self.shared.registry.get((device_id, module_id))?.state().cloud_messages.len())
    }
}

/// An input is one level of a topic (MQTT 3.1.1 §4.7).
fn check_input(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("must not be empty")
    } else if name.len() > 128 {
        Err("must have at most 128 bytes")
    } else if name.contains(['/', '+', '#', '?']) || name.contains(char::is_control) {
        Err("must not contain / + # ? or control characters")
    } else {
        Ok(())
    }
}
