//! See [`azmqtt_fuzz::watching::queries`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::watching::queries(data);
});
