//! See [`azmqtt_fuzz::namespace_journals::journals`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::namespace_journals::journals(data);
});
