//! See [`azmqtt_fuzz::provisioning::answers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::provisioning::answers(data);
});
