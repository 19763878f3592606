/// A program that brings its own threads. All callbacks are made without a lock held.
struct Host {
    typealias Callback = @convention(c) (UnsafeMutableRawPointer?) -> Void

    let context: UnsafeMutableRawPointer?
    /// Asks for a thread that will call `Pool.serve`; nil: the pool makes native threads. Returns 0 or a negative errno.
    let spawn: (@convention(c) (UnsafeMutableRawPointer?) -> Int32)?
    /// Bracket each time a worker has nothing to do.
    let beforeWait: Callback?
    let afterWait: Callback?
    let lock: HostLock
    /// Called by the ticker after each decision other than a hold: the host's own function, and who calls it with a Decision.
    let onDecision: UnsafeRawPointer?
    let deliver: @convention(c) (_ onDecision: UnsafeRawPointer, _ context: UnsafeMutableRawPointer?, _ decision: UnsafeRawPointer) -> Void

    func tell(_ decision: Decision) {
        guard let onDecision else { return }
        withUnsafePointer(to: decision) { deliver(onDecision, context, $0) }
    }

    var isValid: Bool { (beforeWait == nil) == (afterWait == nil) }
}
