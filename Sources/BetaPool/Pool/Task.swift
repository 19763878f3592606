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
}
