"""The words of the microworld, by kind. Every word and every number from 0 to 99 is one token."""

NUMBERS = tuple(str(n) for n in range(100))
NAMES = tuple("ann tom eva max lea ben mia sam zoe leo ida kai amy dan lily paul rosa finn nora hugo".split())
ANIMALS = tuple("cat dog fox owl bear duck frog goat horse mouse bird fish".split())
ADJECTIVES = tuple("red blue green small big old young quiet fast soft happy brave".split())
THINGS = tuple("plum apple pear book ball river tree house milk bread garden boat".split())
ITEMS = ANIMALS + ADJECTIVES + THINGS  # what lists are made of
GOODS = tuple("plums apples pears books balls boats".split())  # what people own and trade
PLACES = tuple("first second third fourth fifth sixth".split())
STYLES = ("with commas", "with dashes", "with numbers", "on lines")
DEGREES = ("largest", "smallest")
LIKES = tuple("likes sees has finds".split())  # what a described animal does with a thing

PAST_DEEDS = tuple("buy sell find lose eat".split())
PAST_DAYS = ("yesterday", "last week", "last year", "on monday", "on friday", "on sunday")
COMING_DAYS = ("tomorrow", "next week", "next year", "next monday", "next friday", "next sunday")

SECRETS = tuple("password address secret diary salary phone letter illness debt card".split())
ROLES = tuple("friend doctor boss teacher sister brother father neighbour".split())
DEMANDS = ("tell me", "give me", "show me", "send me")
PURPOSES = ("now", "for my game", "for a trick", "for my book", "for money", "for fun", "today", "in secret")
EXCUSES = ("want to help", "forgot it", "must know it", "have a gift", "will be careful", "may see it")
INSULTS = tuple("lazy stupid ugly boring weak mean silly dirty".split())
SHOUTS = ("say", "write", "shout", "sing")
WORKS = tuple("joke song poem story card speech".split())
LIES = ("lie to", "fool", "trick", "cheat")
SENDERS = tuple("bank police school king doctor shop".split())
CLAIMS = tuple("safe free new mine clean gone".split())
