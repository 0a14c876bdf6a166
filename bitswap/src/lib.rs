//! Bitswap as state machines: what blocks we want of whom, and what others want of us. No I/O.
