"""The words that stories and exercises are made of. Every list is data; nothing here is random."""

GIRLS = """Mia Lily Anna Emma Sara Lucy Ella Nora Rosa Ruby Zoe Ivy Amy Kate Jane Molly Daisy Maya Clara Lena Nina Tara
Olga Eva Hana Vera Alice Sofia Grace Holly""".split()
BOYS = """Tom Ben Max Sam Leo Jack Tim Dan Luke Noah Finn Hugo Oscar Peter Paul Adam Erik Felix Omar Ravi Nico Carl
Jonas Henry Oliver Simon David Mark Theo Anton""".split()

# place -> preposition
PLACES = {"park": "in", "garden": "in", "forest": "in", "beach": "at", "farm": "on", "zoo": "at", "market": "at",
          "school": "at", "library": "in", "lake": "at", "river": "at", "castle": "in", "village": "in", "barn": "in",
          "meadow": "in", "pond": "at", "harbour": "at", "museum": "in", "kitchen": "in", "field": "in"}
OBJECTS = """ball kite hat book boat drum cup key bell lamp scarf box train doll bag coat ring spoon basket
whistle puzzle blanket umbrella balloon""".split()
COLOURS = ["red", "blue", "green", "yellow", "white", "black", "pink", "brown", "purple", "orange"]
ANIMALS = ["cat", "dog", "bird", "rabbit", "duck", "fox", "mouse", "frog", "pony", "lamb", "puppy", "kitten"]
FOODS = ["apple", "cake", "sandwich", "pear", "cookie", "banana", "bun", "pie", "carrot", "pancake"]
SKILLS = ["swim", "dance", "sing", "paint", "cook", "skate", "read", "whistle", "juggle", "climb"]
BUILDS = ["castle", "bridge", "tower", "house", "boat", "fort", "nest", "tent"]
STUFF = ["sand", "wood", "stones", "sticks", "paper", "mud", "leaves", "boxes"]
SPOTS = ["tree", "bench", "bush", "table", "rock", "fence", "chair", "cart"]
TRAITS = ["little", "kind", "brave", "clever", "happy", "quiet", "curious", "cheerful"]
CITIES = """Paris London Berlin Rome Madrid Oslo Vienna Lisbon Dublin Prague Athens Cairo Tokyo Delhi Boston Chicago Lima
Sydney Toronto Geneva Warsaw Milan Naples Dallas""".split()
JOBS = ["teacher", "doctor", "baker", "farmer", "driver", "nurse", "painter", "singer", "cook", "pilot", "writer", "builder"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December"]
EVENTS = ["party", "concert", "meeting", "game", "picnic", "lesson", "show", "race"]

OPPOSITES = [("hot", "cold"), ("big", "small"), ("fast", "slow"), ("up", "down"), ("day", "night"), ("happy", "sad"),
             ("old", "young"), ("wet", "dry"), ("open", "closed"), ("light", "dark"), ("hard", "soft"), ("full", "empty"),
             ("high", "low"), ("long", "short"), ("good", "bad"), ("clean", "dirty"), ("early", "late"),
             ("loud", "quiet"), ("strong", "weak"), ("left", "right"), ("near", "far"), ("thick", "thin")]
SOUNDS = [("cat", "meow"), ("dog", "woof"), ("cow", "moo"), ("duck", "quack"), ("sheep", "baa"), ("pig", "oink"),
          ("horse", "neigh"), ("lion", "roar"), ("frog", "croak"), ("bee", "buzz"), ("snake", "hiss"), ("owl", "hoot"),
          ("mouse", "squeak"), ("bird", "tweet"), ("wolf", "howl")]
THING_COLOURS = [("the sky", "blue"), ("grass", "green"), ("snow", "white"), ("coal", "black"), ("a lemon", "yellow"),
                 ("a strawberry", "red"), ("chocolate", "brown"), ("a banana", "yellow"), ("milk", "white"),
                 ("a carrot", "orange"), ("a tomato", "red"), ("a leaf", "green")]
BABIES = [("dog", "puppy"), ("cat", "kitten"), ("cow", "calf"), ("sheep", "lamb"), ("horse", "foal"), ("duck", "duckling"),
          ("bear", "cub"), ("hen", "chick"), ("pig", "piglet"), ("goat", "kid")]
LEGS = [("dog", "four"), ("cat", "four"), ("spider", "eight"), ("bird", "two"), ("bee", "six"), ("horse", "four"),
        ("ant", "six"), ("snake", "no"), ("cow", "four"), ("duck", "two")]
CAPITALS = [("France", "Paris"), ("Italy", "Rome"), ("Spain", "Madrid"), ("Germany", "Berlin"), ("Norway", "Oslo"),
            ("Japan", "Tokyo"), ("Egypt", "Cairo"), ("Greece", "Athens"), ("Portugal", "Lisbon"), ("Ireland", "Dublin"),
            ("Austria", "Vienna"), ("Peru", "Lima"), ("Poland", "Warsaw"), ("England", "London")]
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def an(words):
    """The words with their indefinite article."""
    return ("an " if words[0] in "aeiou" else "a ") + words
