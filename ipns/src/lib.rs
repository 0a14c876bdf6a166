//! Names: keys of every kind that peers have, and the records that they sign. No I/O.
