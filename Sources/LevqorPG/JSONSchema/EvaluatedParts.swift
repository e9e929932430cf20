/// Which members or elements of one value some subschema has looked at, for the `unevaluated` keywords.
///
/// It lives within one evaluation and one thread; only nodes that need it make one.
final class EvaluatedParts {
    private(set) var isEverything = false
    /// Elements before this place.
    private(set) var prefix = 0
    /// Members or single elements, by their place.
    private var places: Set<Int> = []

    func markEverything() {
        isEverything = true
    }

    func markPrefix(_ count: Int) {
        prefix = max(prefix, count)
    }

    func mark(_ place: Int) {
        places.insert(place)
    }

    func contains(_ place: Int) -> Bool {
        isEverything || place < prefix || places.contains(place)
    }

    /// Takes over what a successful subschema has looked at.
    func merge(_ other: EvaluatedParts) {
        isEverything = isEverything || other.isEverything
        prefix = max(prefix, other.prefix)
        places.formUnion(other.places)
    }
}
