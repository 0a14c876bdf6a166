//! The version board.
