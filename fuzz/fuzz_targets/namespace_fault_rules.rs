//! See [`azmqtt_fuzz::namespace::fault_rules`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::namespace::fault_rules(data);
});
