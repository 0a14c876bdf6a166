//! Why no answer came.

/// No answer came. A refusal inside an answer is part of the reply's own type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Every instance has as much open as it takes. Nothing was sent.
    #[error("all instances are busy; ask again in a second")]
    Busy,
    /// The deadline passed. The question may have been worked on, and may still be.
    #[error("no answer before the deadline; ask again if the question is safe to repeat")]
    TimedOut,
    /// No instance runs, and none appeared before the deadline. Nothing was sent.
    #[error("no instance answers; see `supervisor status`")]
    NobodyThere,
    /// The instance died with the question, which must not be asked twice; or it was asked again, and killed again.
    #[error("the box died with the question; look in its log (`supervisor logs`) before asking again")]
    Died,
    /// The two were built from different sources, or the question broke a rule of the bus. Nothing was done.
    #[error("refused: {0}")]
    Refused(String),
    /// The question does not fit in a message. Nothing was sent.
    #[error("the question has {bytes} bytes where {limit_bytes} are allowed; split it")]
    TooLarge {
        /// What it has, in its body or in its attachment.
        bytes: usize,
        /// What is allowed there.
        limit_bytes: usize,
    },
}
