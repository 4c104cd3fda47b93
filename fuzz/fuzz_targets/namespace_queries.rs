//! See [`azmqtt_fuzz::namespace::queries`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::namespace::queries(data);
});
