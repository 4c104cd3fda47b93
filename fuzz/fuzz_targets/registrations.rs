//! See [`azmqtt_fuzz::provisioning::registrations`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::provisioning::registrations(data);
});
