//! See [`azmqtt_fuzz::mqtt::from_client`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::mqtt::from_client(data);
});
