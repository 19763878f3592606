import BetaPool

/// What the command line asks for.
struct Options {
    static let help = """
        usage: duplicates [options] [folder ...]

        Finds files with the same content below the folders (the current one if none is given), on a pool of threads that sizes itself.

          --policy NAME    \(Policy.allCases.map(\.description).joined(separator: ", ")) (default: adaptive)
          --threads N      at most N threads (default: as many as pay)
          --help           this text

        examples:
          duplicates /usr/share/doc
          duplicates --policy paper --threads 16 ~/Pictures ~/Downloads
        """

    struct Mistake: Error, CustomStringConvertible {
        let description: String
    }

    var configuration = AdaptiveThreadPool.Configuration()
    var folders: [String] = []

    /// Nil if the user asks for help.
    init?(_ arguments: ArraySlice<String>) throws {
        configuration.threadName = "duplicates"
        configuration.control.interval = .milliseconds(50)  // files are small: the pool must be quick to learn
        var rest = arguments
        while let argument = rest.popFirst() {
            switch argument {
            case "--help": return nil
            case "--policy":
                guard let policy = rest.popFirst().flatMap(Policy.init) else {
                    throw Mistake(description: "--policy is one of \(Policy.allCases.map(\.description).joined(separator: ", "))")
                }
                configuration.control.policy = policy
            case "--threads":
                guard let threads = rest.popFirst().flatMap({ Int($0) }), (1...65536).contains(threads) else {
                    throw Mistake(description: "--threads takes a number from 1 to 65536")
                }
                configuration.control.maxThreads = threads
            case _ where argument.hasPrefix("-"): throw Mistake(description: "\(argument) is no option: see --help")
            default: folders.append(argument)
            }
        }
        if folders.isEmpty { folders = ["."] }
    }
}
