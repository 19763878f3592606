import CSystem

/// A function and its argument. The function is called exactly once: with status 0 to do the work, or with -ECANCELED when the pool gives
/// the task up.
struct Task {
    typealias Function = @convention(c) (UnsafeMutableRawPointer?, Int32) -> Void

    let function: Function
    let argument: UnsafeMutableRawPointer?

    func run() {
        function(argument, 0)
    }

    func cancel() {
        function(argument, -ECANCELED)
    }

    func isSame(as other: Task) -> Bool {
        argument == other.argument && unsafeBitCast(function, to: UInt.self) == unsafeBitCast(other.function, to: UInt.self)
    }
}
