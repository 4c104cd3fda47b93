//! See [`azmqtt_fuzz::bodies::block_lists`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    azmqtt_fuzz::bodies::block_lists(data);
});
