//! Mistakes in valid input.

/// Pieces that parsers look out for, and numbers at the edges.
const TOKENS: [&[u8]; 40] = [
    b"/",
    b"?",
    b"&",
    b"=",
    b"%",
    b"%00",
    b"%2F",
    b"%24.mid=",
    b"$",
    b"$iothub/",
    b"$rid=",
    b"$version=",
    b"#",
    b"+",
    b";",
    b":",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"{\"a\":",
    b"[",
    b"]",
    b"}",
    b"null",
    b"1e999",
    b"-1",
    b"18446744073709551616",
    b"9223372036854775807",
    b"<",
    b">",
    b"&amp;",
    b"\r\n",
    b"\0",
    "é".as_bytes(),
    "\u{10FFFF}".as_bytes(),
    b"\xff",
    b"\xc3",
    b"\x80\x80\x80\x80\x01",
    b"-----BEGIN CERTIFICATE-----",
    b"$metadata",
];

/// No input is longer.
const LONGEST: usize = 100_000;

/// Makes inputs out of a corpus, the same ones for the same seed.
pub struct Mutator {
    corpus: Vec<Vec<u8>>,
    unchanged: usize,
    seed: u64,
    state: u64,
}

impl Mutator {
    /// Each target has inputs of its own.
    pub fn new(name: &str, corpus: &[&[u8]]) -> Self {
        let fresh = || {
            let mut seed = [0; 8];
            getrandom::fill(&mut seed).unwrap();
            u64::from_ne_bytes(seed)
        };
        let seed = super::number("AZMQTT_FUZZ_SEED").unwrap_or_else(fresh);
        let state = name.bytes().fold(seed, |state, byte| state.rotate_left(7) ^ u64::from(byte)) | 1;
        let corpus = corpus.iter().map(|entry| entry.to_vec()).collect();
        Self { corpus, unchanged: 0, seed, state }
    }

    /// How to repeat this.
    pub fn seed(&self) -> String {
        format!("AZMQTT_FUZZ_SEED={}", self.seed)
    }

    /// Less than `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit
    }

    fn entry(&mut self) -> Vec<u8> {
        let at = self.below(self.corpus.len());
        self.corpus[at].clone()
    }

    /// First the corpus as it is, then entries with one to six mistakes.
    pub fn next_input(&mut self) -> Vec<u8> {
        if let Some(entry) = self.corpus.get(self.unchanged) {
            self.unchanged += 1;
            return entry.clone();
        }
        let mut input = self.entry();
        for _ in 0..=self.below(6) {
            self.mistake(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn mistake(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let rest = input.len() - at;
        let span = at..at + self.below(rest.min(32) + 1);
        match self.below(10) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.below(256) as u8,
            2 => drop(input.drain(span)),
            3 => input.truncate(at),
            4 => {
                let token = TOKENS[self.below(TOKENS.len())];
                drop(input.splice(at..at, token.iter().copied()));
            }
            5 => {
                let token = TOKENS[self.below(TOKENS.len())];
                drop(input.splice(span, token.iter().copied()));
            }
            // The same again, perhaps very often: what nests, nests deeply.
            6 => {
                let piece = input[span].to_vec();
                let times = [1, 2, 16, 2000][self.below(4)];
                drop(input.splice(at..at, piece.repeat(times)));
            }
            // The end of another one.
            7 => {
                let other = self.entry();
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            8 if rest >= 2 => input.swap(at, at + 1),
            _ => input.insert(at, self.below(256) as u8),
        }
    }
}
