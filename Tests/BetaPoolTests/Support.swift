@testable import BetaPoolCore

/// Random numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {  // SplitMix64
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// A controller with the given settings, destroyed after `body`.
func withController(_ settings: Settings, _ body: (inout Controller) throws -> Void) throws {
    var controller = try Controller(settings)
    defer { controller.destroy() }
    try body(&controller)
}

/// The paper's constants.
func paperSettings() -> Settings {
    Settings(.paper, limits: .current())
}

extension Text {
    /// What is written by `body`.
    static func string(capacity: Int = 256, _ body: (inout Text) -> Void) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { memory in
            var text = Text(in: memory)
            body(&text)
            return String(cString: memory.baseAddress!)
        }
    }
}
