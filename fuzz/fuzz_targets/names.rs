//! See [`azmqtt_fuzz::identities::names`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::identities::names(data);
});
