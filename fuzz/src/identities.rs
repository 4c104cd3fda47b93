//! Who a session belongs to.

use azmqtt_dialect::identity::{check_host_name, check_id};
use azmqtt_dialect::upload::check_blob_name;
use azmqtt_dialect::x509::Thumbprint;
use azmqtt_dialect::{Identity, Username, check_method_name, provisioning};

use crate::text;

/// User names of the hub and of the provisioning service.
pub fn user_names(data: &[u8]) -> bool {
    let name = text(data);
    let hub = Username::parse(&name);
    if let Ok(username) = &hub {
        let identity = username.identity();
        let again = Identity::new(&identity.host_name, &identity.device_id, identity.module_id.as_deref());
        assert_eq!(again.as_ref(), Ok(&identity));
    }
    hub.is_ok() || provisioning::Username::parse(&name).is_ok()
}

/// Names that stand alone: of hosts, devices, registrations, methods and blobs, and thumbprints.
pub fn names(data: &[u8]) -> bool {
    let name = text(data);
    let thumbprint = Thumbprint::parse(&name);
    if let Ok(thumbprint) = &thumbprint {
        assert_eq!(Thumbprint::parse(&thumbprint.to_string()).as_ref(), Ok(thumbprint));
    }
    let checks = [
        check_id("device id", &name).is_ok(),
        check_host_name(&name).is_ok(),
        check_method_name(&name).is_ok(),
        check_blob_name("d", &name).is_ok(),
        provisioning::check_registration_id(&name).is_ok(),
        Thumbprint::from_pasted(&name).is_ok(),
        thumbprint.is_ok(),
    ];
    checks.contains(&true)
}
