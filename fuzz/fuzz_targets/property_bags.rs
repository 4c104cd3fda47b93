//! See [`azmqtt_fuzz::messages::property_bags`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::messages::property_bags(data);
});
