//! See [`azmqtt_fuzz::messages::topics`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::messages::topics(data);
});
