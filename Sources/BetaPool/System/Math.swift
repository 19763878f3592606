import CSystem

extension Double {
    /// The square root, without libm.
    var root: Double { csystem_sqrt(self) }

    func clamped(to range: ClosedRange<Double>) -> Double {
        Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
    }
}
